"""Somebody without root who may reach a Docker socket publishes with it alone; the base image was imported beforehand."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.small_project import commit, git
from servers.bases import debian_base
from servers.dockerd import running_dockerd
from servers.mounts import unmount_below
from tagstone.actions.base_image import carry
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import CONFIG, Descriptor

pytestmark = [pytest.mark.docker, pytest.mark.engines]

UID = 12345
# The interpreter may lie where only root may look; being allowed to read is no more than an installation for all would give.
AS_USER = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=+dac_read_search"]
AS_USER += ["--ambient-caps=+dac_read_search"]
MANIFEST = """\
environment: {base: "debian:bookworm", apt: [bc]}
run: {command: [sh, analysis.sh], resources: {memory: 256Mi, disk: 100Mi, time: 2m}}
outputs: [results/*]
"""
CITATION = "cff-version: 1.2.0\nmessage: Cite it.\ntitle: Adding\nauthors: [{family-names: Lovelace, given-names: Ada}]\nlicense: MIT\n"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the user's own."""
    folder = Path(tempfile.mkdtemp(prefix="tagstone-user-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def socket(place: Path) -> Iterator[str]:
    """A Docker Engine whose socket anybody may use."""
    (place / "docker").mkdir()
    with running_dockerd(place / "docker") as address:
        Path(address.removeprefix("unix://")).chmod(0o666)
        yield address
    unmount_below(place)


def import_base(home: Path) -> None:
    kept, image = debian_base()
    registry = OciLayout(home / "images", 5.0)
    for blob in (*image.layers, Descriptor(CONFIG, image.config.digest, image.config.size)):
        carry(kept, image.name, registry, image.name, blob)
    registry.put_manifest(image.name, kept.manifest(image.name, image.digest), "bookworm")


def test_a_user_without_root_publishes_and_reproduces_with_docker_alone(place: Path, socket: str) -> None:
    repository = place / "adding"
    repository.mkdir()
    files = {
        "tagstone.yml": MANIFEST,
        "CITATION.cff": CITATION,
        "analysis.sh": "mkdir -p results; echo 6*7 | bc >results/sum\n",
    }
    for name, content in files.items():
        (repository / name).write_text(content)
    git(repository, "init", "--quiet")
    commit(repository, "v1.0.0")
    import_base(place / "home")
    place.chmod(0o755)
    for folder in (place / "home", repository):
        subprocess.run(["chown", "--recursive", f"{UID}:{UID}", str(folder)], check=True)

    def tagstone(*arguments: str) -> str:
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(place / "home"),
            "TAGSTONE_HOME": str(place / "home"),
            "TAGSTONE_RUNS__SOCKET": socket,
            "TAGSTONE_RUNS__ENGINE": "docker",
            "TAGSTONE_BUILDS__BUILDER": "docker",
            "TAGSTONE_BUILDS__NETWORK": "host",
        }
        command = [*AS_USER, sys.executable, "-P", "-m", "tagstone", *arguments]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False, timeout=300, cwd=place)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    published = json.loads(tagstone("publish", str(repository), "--tag", "v1.0.0", "--json"))
    assert published["state"] == "published"
    assert (Path(published["bundle"]) / "outputs" / "results" / "sum").read_text() == "42\n"
    assert "identical" in tagstone("reproduce", published["publication"])
