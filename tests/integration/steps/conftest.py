"""Publications performed step by step in this process, on real storage, registry, depository, forge and rows."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fakes.builder import FakeBuilder
from fakes.clock import FakeClock
from fakes.depository import FakeDepository, OneDepository
from fakes.queue import FakeQueue
from fakes.runner import FakeRunner
from fakes.small_project import make_repository, put_base
from fakes.trial import TrialApplication, settings
from tagstone.actions.accounts import Accounts
from tagstone.actions.drafts import Drafts
from tagstone.actions.submit import submit
from tagstone.adapters.downloads import Downloads
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, Step, steps
from tagstone.domain.publications.record import Facts
from tagstone.ports import Ports, Storage
from tagstone.store import publications
from tagstone.store.tables import Publication
from tagstone.workflows.steps import ANY_ATTEMPT, Next, Steps


@dataclass
class Site:
    """One small site: an application, its fakes, and a way to go through the steps."""

    application: TrialApplication
    repository: Path
    builder: FakeBuilder
    runner: FakeRunner
    pool: ThreadPoolExecutor
    queue: FakeQueue = field(default_factory=FakeQueue)
    policy: dict[str, Any] = field(default_factory=dict)
    downloads: Downloads | None = None
    depository: FakeDepository | None = None
    clock: FakeClock | None = None
    storage: Storage | None = None

    def submit(self, ref: str = "v1.0.0", kind: Kind = Kind.PUBLICATION, *, supersede: bool = False) -> str:
        forge, location = self.application.forge, str(self.repository)
        project, commit = forge.identify(location), forge.resolve(location, ref)
        with self.application.sessions.write() as session:
            return submit(session, self.queue, 1.0, project, commit, kind, supersede=supersede).publication

    def perform(self, publication: str, step: Step, failures: int = 0, attempt: int = ANY_ATTEMPT) -> Next:
        """Perform one step, and say what comes next."""
        return self.answer(publication, step, failures, attempt)[0]

    def answer(
        self, publication: str, step: Step, failures: int = 0, attempt: int = ANY_ATTEMPT, waits: int = 0
    ) -> tuple[Next, float]:
        """The same with the seconds until then."""
        app, ports = self.application, self.ports
        performer = Steps(ports, app.sessions, app.durations, replace(app.policy, **self.policy), self.pool, app.home)
        return asyncio.run(performer.perform(publication, step, failures, attempt, waits))

    @property
    def ports(self) -> Ports:
        ports = replace(self.application.ports, builder=self.builder, runner=self.runner)
        if self.storage is not None:
            ports = replace(ports, storage=self.storage)
        if self.downloads is not None:
            ports = replace(ports, downloads=self.downloads)
        if self.depository is not None:
            ports = replace(ports, depositories=OneDepository(self.depository))
        return replace(ports, clock=self.clock) if self.clock is not None else ports

    @property
    def drafts(self) -> Drafts:
        app, ports = self.application, self.ports
        accounts = Accounts(app.sessions, ports.depositories, ports.vault, replace(app.policy, **self.policy))
        return Drafts(app.sessions, accounts, ports.clock)

    def persist(self, publication: str, until: Step | None = None) -> Next:
        """Go through the steps as the workflow does, trying again what may be tried again."""
        for _ in range(40):
            answer = self.go(publication, until)
            if answer != "retry":
                return answer
        raise AssertionError(self.row(publication).waiting)

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
def fake(site: Site) -> FakeDepository:
    """The site's depository, which loses answers and refuses on demand."""
    site.depository = FakeDepository(name="local")
    site.clock = FakeClock()
    return site.depository


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
