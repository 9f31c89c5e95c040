"""A published image built anew by a real builder, from the archived code and in a registry of its own."""

import subprocess
import time
from itertools import repeat

import pytest

from fakes.facts import CITATION
from servers.bases import busybox_base
from tagstone.actions import build
from tagstone.actions.rebuild import build_anew, rebuild
from tagstone.actions.resolve import resolve
from tagstone.bootstrap import Application
from tagstone.domain.environments.build import BaseImage
from tagstone.domain.publications.publication import Kind
from tagstone.domain.publications.record import Facts, ImageFacts
from tagstone.settings import Settings

pytestmark = pytest.mark.engines

MANIFEST = "environment: {containerfile: Containerfile}\nrun: {command: [cat, /opt/made]}\noutputs: ['*.txt']\n"
RECIPE = "FROM busybox:test\nCOPY table.csv /opt/\nRUN %s && chmod 600 /opt/table.csv\nWORKDIR /work\n"


class Published:
    """A repository whose image was built, in an installation of its own."""

    def __init__(self, folder, made):
        self.application = Application(Settings(home=folder / "home", _site=None))
        self.application.__dict__["runner"] = None  # nothing is run
        base = busybox_base(self.application.registry)
        self.repository = folder / "project"
        files = {"tagstone.yml": MANIFEST, "CITATION.cff": CITATION, "Containerfile": RECIPE % made, "table.csv": "1,2\n"}
        self.repository.mkdir()
        for name, text in files.items():
            (self.repository / name).write_text(text)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=First")
        ports, scratch = self.application.ports, self.application.scratch
        location = str(self.repository)
        project, commit = ports.forge.identify(location), ports.forge.resolve(location, "main")
        source, _ = resolve(ports, self.application.policy, project, commit, Kind.REHEARSAL, scratch)
        image, environment = build_anew(
            ports, source, build.plan(ports, source), "first", scratch, repeat(0.1), time.sleep, lambda _: None
        )
        bases = (BaseImage("busybox:test", base.reference),)
        made_image = ImageFacts(image, "", bases, environment.packages, ports.builder.name, built=True)
        self.facts = Facts("p1", source, "0.2.0", image=made_image)

    def git(self, *arguments):
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", self.repository, *identity, *arguments], check=True, capture_output=True)

    def rebuild(self):
        application = self.application
        # What counts is the archive: the repository may be gone.
        self.repository.rename(self.repository.with_name("moved away"))
        with application.anew(self.facts.source) as anew:
            pauses = repeat(0.1)
            return rebuild(application.ports, anew, self.facts, None, application.scratch, pauses, time.sleep, lambda _: None)


def test_the_archived_code_gives_the_same_digest_without_the_repository(tmp_path):
    published = Published(tmp_path, "echo always > /opt/made")
    before = sorted(path.name for path in (tmp_path / "home" / "images").rglob("*"))
    assert published.rebuild().as_text().startswith("identical: ")
    assert sorted(path.name for path in (tmp_path / "home" / "images").rglob("*")) == before
    assert list(published.application.scratch.iterdir()) == []


def test_a_recipe_that_is_never_the_same_is_found_out(tmp_path):
    published = Published(tmp_path, "cat /proc/sys/kernel/random/uuid > /opt/made")
    assert published.rebuild().as_text().splitlines()[3:-1] == ["environment: 1 path differs", "  no package: 1 path"]
