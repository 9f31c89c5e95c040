"""What a pod says is on the publication's page and in `tagstone logs --follow` while it goes on, and both end when it has ended."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from fakes.kubernetes.containers import Mount
from fakes.queue import FakeQueue
from fakes.small_project import CITATION, commit, git
from fakes.trial import TrialApplication, settings
from rigs.clusters import REGISTRY, FakeCluster, fake_cluster
from rigs.pages import serving_pages
from servers.bases import busybox_base
from tagstone.actions.access import Access
from tagstone.actions.submit import submit
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State, Step, steps
from tagstone.edges.entrance import Entrance
from tagstone.store import publications
from tagstone.web.app import create_pages
from tagstone.web.place import Place
from tagstone.workflows.steps import ANY_ATTEMPT, Steps

PATIENCE = 60  # seconds, of a busy machine
_SCRIPT = "echo {field} half way; while [ ! -e /gate/open ]; do sleep 0.1; done; echo {field} all the way > said; cat said"
_ONE = {"command": ["sh", "-c", _SCRIPT], "parameters": {"field": "north"}}
_MATRIX = {"command": ["sh", "-c", _SCRIPT], "matrix": {"field": ["north", "south"]}, "parallel": 2}


@dataclass
class Site:
    """A service whose runs go to a cluster. They go on until its `gate` is open."""

    application: TrialApplication
    faked: FakeCluster
    gate: Path
    pool: ThreadPoolExecutor

    def submit(self, run: Mapping[str, object]) -> str:
        """Ask for a publication whose run is this, and do all that comes before the run."""
        application, repository = self.application, self.application.home.parent / "wobble"
        repository.mkdir()
        asked = {**run, "resources": {"cpu": 0.5, "memory": "64Mi", "disk": "64Mi", "time": "5m"}}
        manifest = {"environment": {"base": "busybox:test"}, "run": asked, "outputs": ["said"]}
        (repository / "tagstone.yml").write_text(json.dumps(manifest))
        (repository / "CITATION.cff").write_text(CITATION)
        git(repository, "init", "--quiet")
        commit(repository, "v1.0.0")
        project, tag = application.forge.identify(str(repository)), application.forge.resolve(str(repository), "v1.0.0")
        with application.sessions.write() as session:
            publication = submit(session, FakeQueue(), 1.0, project, tag, Kind.PUBLICATION).publication
        self._perform(publication, *self._before_the_run())
        self._let_nodes_pull(publication)
        return publication

    @contextmanager
    def running(self, publication: str) -> Iterator[Future[None]]:
        """Run it, and do all that comes after, while the context is open; it ends at the latest with it."""
        before = self._before_the_run()
        going = self.pool.submit(self._perform, publication, *steps(Kind.PUBLICATION)[len(before) :])
        try:
            yield going
        finally:
            self.open_gate()
            going.result(PATIENCE)

    def open_gate(self) -> None:
        """Let the runs come to their end."""
        (self.gate / "open").touch()

    def state(self, publication: str) -> State:
        """How it stands."""
        with self.application.sessions.read() as session:
            return State(publications.get(session, publication).state)

    def _before_the_run(self) -> tuple[Step, ...]:
        every = steps(Kind.PUBLICATION)
        return every[: every.index(Step.RUN)]

    def _perform(self, publication: str, *wanted: Step) -> None:
        of = self.application
        performer = Steps(of.ports, of.sessions, of.durations, of.policy, self.pool, of.home)
        for step in wanted:
            assert asyncio.run(performer.perform(publication, step, 0, ANY_ATTEMPT, 0))[0] == "go", step

    def _let_nodes_pull(self, publication: str) -> None:
        with self.application.sessions.read() as session:
            facts = record.load(str(publications.get(session, publication).facts).encode())
        assert facts.image is not None
        images = self.faked.api.images
        busybox = images[f"{REGISTRY}/{self.faked.rig.image}"]
        images[f"{REGISTRY}/{facts.image.image.reference}"] = replace(
            busybox, mounts=(Mount(self.gate, "/gate", read_only=True),)
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    application = TrialApplication(settings(tmp_path / "home", None))
    base = busybox_base(application.registry)
    (tmp_path / "gate").mkdir()
    with (
        fake_cluster(tmp_path / "cluster", application.registry, application.storage, base.reference) as faked,
        ThreadPoolExecutor(4) as pool,
    ):
        # Each part of the application is made when it is first asked for, or set.
        application.__dict__["runner"] = faked.rig.runner
        yield Site(application, faked, tmp_path / "gate", pool)
    application.engine.dispose()


@pytest.fixture
def pages(site: Site) -> Iterator[str]:
    """Where the site's pages are."""
    of = site.application
    entrance = Entrance(of.sessions, of.clock, Access(of.clock, single=True), "http://127.0.0.1")
    with serving_pages(
        lambda url: create_pages(of.storage, of.home, Place(url, serves_images=False), entrance, FakeQueue())
    ) as url:
        yield url


@contextmanager
def events(pages: str, publication: str) -> Iterator[Iterator[str]]:
    """The lines that the publication's page is sent."""
    with requests.get(f"{pages}/publications/{publication}/events", stream=True, timeout=PATIENCE) as answer:
        yield answer.iter_lines(chunk_size=1, decode_unicode=True)


def see(lines: Iterator[str], *words: str) -> None:
    """Read on until all of the words are on the page at once."""
    latest = time.monotonic() + PATIENCE
    for line in lines:
        if all(word in line for word in words):
            return
        assert time.monotonic() < latest, f"not on the page: {words}"
    raise AssertionError(f"never on the page: {words}")


@contextmanager
def following(site: Site, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`tagstone logs --follow` as a program; it is killed where it says nothing for too long."""
    command = [sys.executable, "-P", "-m", "tagstone", "logs", "--follow", *arguments]
    env = os.environ | {"TAGSTONE_HOME": str(site.application.home)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        try:
            yield process
        finally:
            late.cancel()
            process.kill()


def next_line(of: "subprocess.Popen[str]") -> str:
    """What it prints next; empty where it has ended."""
    assert of.stdout is not None
    return of.stdout.readline()


def test_a_pods_words_are_on_the_page_and_in_the_terminal_while_it_runs_and_both_end_with_it(site: Site, pages: str) -> None:
    publication = site.submit(_ONE)
    with site.running(publication) as going, events(pages, publication) as lines, following(site, publication) as terminal:
        see(lines, "north half way")
        assert next_line(terminal) == "north half way\n"
        assert terminal.poll() is None
        assert not going.done()
        site.open_gate()
        see(lines, "north all the way")
        assert "event: end" in list(lines)
        assert terminal.communicate(timeout=PATIENCE)[0] == "north all the way\n"
        assert terminal.returncode == 0
    assert site.state(publication) is State.PUBLISHED


def test_runs_of_a_matrix_are_on_the_page_together_and_each_is_followed_alone(site: Site, pages: str) -> None:
    publication = site.submit(_MATRIX)
    with (
        site.running(publication) as going,
        events(pages, publication) as lines,
        following(site, publication, "--run", "2") as terminal,
    ):
        see(lines, "north half way", "south half way")
        assert next_line(terminal) == "south half way\n"
        assert not going.done()
        site.open_gate()
        assert terminal.communicate(timeout=PATIENCE)[0] == "south all the way\n"
        assert terminal.returncode == 0
