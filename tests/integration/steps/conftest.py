"""Publications performed step by step in this process, on real storage, registry, depository, forge and rows."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fakes.builder import FakeBuilder
from fakes.queue import FakeQueue
from fakes.runner import FakeRunner
from fakes.small_project import make_repository, put_base
from fakes.trial import TrialApplication, settings
from tagstone.actions.submit import submit
from tagstone.domain import record
from tagstone.domain.publication import Kind, Step, steps
from tagstone.domain.record import Facts
from tagstone.store import publications
from tagstone.store.tables import Publication
from tagstone.workflows.steps import Next, Steps


@dataclass
class Site:
    """One small site: an application, its fakes, and a way to go through the steps."""

    application: TrialApplication
    repository: Path
    builder: FakeBuilder
    runner: FakeRunner
    pool: ThreadPoolExecutor
    queue: FakeQueue = field(default_factory=FakeQueue)

    def submit(self, ref: str = "v1.0.0", kind: Kind = Kind.PUBLICATION, *, supersede: bool = False) -> str:
        forge, location = self.application.forge, str(self.repository)
        project, commit = forge.identify(location), forge.resolve(location, ref)
        with self.application.sessions.write() as session:
            return submit(session, self.queue, 1.0, project, commit, kind, supersede=supersede).publication

    def perform(self, publication: str, step: Step, failures: int = 0) -> Next:
        """Perform one step, and say what comes next."""
        app = self.application
        ports = replace(app.ports, builder=self.builder, runner=self.runner)
        performer = Steps(ports, app.sessions, app.durations, app.policy, self.pool, app.home)
        return asyncio.run(performer.perform(publication, step, failures))[0]

    def go(self, publication: str, until: Step | None = None) -> Next:
        """Go through the steps, up to and without `until`; the last answer."""
        answer: Next = "go"
        for step in steps(Kind(self.row(publication).kind)):
            if step is until:
                break
            answer = self.perform(publication, step)
            if answer != "go":
                break
        return answer

    def row(self, publication: str) -> Publication:
        with self.application.sessions.read() as session:
            return publications.get(session, publication)

    def facts(self, publication: str) -> Facts:
        return record.load(str(self.row(publication).facts).encode())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A fresh site."""
    application = TrialApplication(settings(tmp_path / "home", None))
    put_base(application.registry)
    make_repository(tmp_path / "wobble")
    builder, runner = FakeBuilder(tmp_path / "builds"), FakeRunner(tmp_path / "runs", application.storage)
    with ThreadPoolExecutor(4) as pool:
        yield Site(application, tmp_path / "wobble", builder, runner, pool)
    application.engine.dispose()
