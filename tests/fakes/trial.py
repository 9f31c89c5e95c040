"""A worker on real storage, registry, depository, forge and database, with a fake builder and runner, that may be told to die.

Runs in a process of its own so that SIGKILL is the real thing.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from fakes.builder import FakeBuilder
from fakes.depository import FakeDepository, OneDepository
from fakes.lethal import Lethal, LethalSessions, Moments
from fakes.runner import FakeRunner
from fakes.tables import put_tables
from tagstone.actions.accounts import Accounts
from tagstone.actions.drafts import Drafts
from tagstone.actions.reserve import reserve
from tagstone.actions.submit import submit
from tagstone.bootstrap import Application
from tagstone.domain.publications.publication import Kind
from tagstone.ports import Builder, DepositAccount, Depositories, Ports, Runner
from tagstone.settings import Database, Settings, Waits
from tagstone.store.session import Sessions
from tagstone.worker import run_worker

Lossy = Callable[[int], bool]
_SECONDS = 180  # a worker that lives longer hangs, also on a busy machine
# Looking for a change is not an effect: a kill there is the same as a kill before the next effect.
QUIET = {"clock": frozenset({"now"}), "forge": frozenset({"identify"}), "storage": frozenset({"open", "size", "list"})}


class TrialApplication(Application):
    """An application whose engines are fakes that keep their state in the home folder; it dies at a moment, if there is one.

    With `lossy` the depository is a fake too, which loses the answers to the calls of these numbers. `around` is put around
    the depositories that work is done with.
    """

    def __init__(
        self,
        settings: Settings,
        moments: Moments | None = None,
        lossy: Lossy | None = None,
        around: Callable[[Depositories], Depositories] = lambda healthy: healthy,
    ) -> None:
        super().__init__(settings)
        self._moments = moments
        self._lossy = lossy
        self._around = around

    @cached_property
    def builder(self) -> Builder:
        return FakeBuilder(self.home / "fake-builds")

    @cached_property
    def runner(self) -> Runner:
        return FakeRunner(self.home / "fake-runs", self.storage)

    @cached_property
    def fake(self) -> FakeDepository:
        return FakeDepository(self.home, name="local", lossy=self._lossy)

    @cached_property
    def depositories(self) -> Depositories:
        return super().depositories if self._lossy is None else OneDepository(self.fake)

    @cached_property
    def sessions(self) -> Sessions:
        if self.engine.dialect.name == "sqlite":
            put_tables(self.home)
        healthy = super().sessions
        return LethalSessions(healthy, self._moments) if self._moments else healthy

    @cached_property
    def ports(self) -> Ports:
        healthy, moments = super().ports, self._moments
        healthy = replace(healthy, depositories=self._around(healthy.depositories))
        if moments is None:
            return healthy
        names = ("forge", "registry", "builder", "runner", "storage")
        wrapped: dict[str, Any] = {
            name: Lethal(getattr(healthy, name), name, moments, QUIET.get(name, frozenset())) for name in names
        }
        return replace(healthy, **wrapped, depositories=LethalDepositories(healthy.depositories, moments))


@dataclass(frozen=True)
class LethalDepositories:
    """Depositories of which every call is a moment to die at."""

    healthy: Depositories
    moments: Moments

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        account = self.healthy.account(depository, name, token)
        wrapped: dict[str, Any] = {
            part: Lethal(getattr(account, part), part, self.moments, frozenset())
            for part in ("depository", "files", "curation")
        }
        return replace(account, **wrapped)


def settings(home: Path, database: str | None) -> Settings:
    """Settings for quick work on this database (None: SQLite), whose dead workers are seen at once on SQLite only."""
    waits = Waits(poll=0.1, poll_longest=0.1, retry=0.05, retry_longest=0.2, recovery=1.0 if database else 0.25)
    return Settings(home=home, database=Database(url=database), waits=waits)


def work(home: Path, database: str | None, fatal: int | None, lossy: Lossy | None) -> None:
    """Work until nothing is left, or until the fatal moment."""
    _log_to(home / "worker.log")
    run_worker(TrialApplication(settings(home, database), Moments(home / "moments", fatal), lossy), drain=True)


def reserve_in(home: Path, repository: Path, ref: str, fatal: int | None, lossy: Lossy | None) -> None:
    """Reserve a DOI, or die at the fatal moment."""
    _log_to(home / "worker.log")
    app = TrialApplication(settings(home, None), Moments(home / "moments", fatal), lossy)
    drafts = Drafts(app.sessions, Accounts(app.sessions, app.ports.depositories, app.vault, app.policy), app.clock)
    reserve(drafts, app.forge, app.policy, str(repository), ref)


def _log_to(path: Path) -> None:
    sink = path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
    for stream in (1, 2):
        os.dup2(sink.fileno(), stream)
    # A fork has what the tests put into the place of these.
    sys.stdout = sys.stderr = sink


# A fork has everything imported already, which is most of what a fresh worker would spend its time on.
_PROCESSES = multiprocessing.get_context("fork")


@dataclass
class Trial:
    """One home, one repository, and workers on them."""

    folder: Path
    database: str | None = None
    lossy: Lossy | None = None

    @property
    def application(self) -> TrialApplication:
        never = None if self.lossy is None else (lambda _number: False)
        return TrialApplication(settings(self.folder / "home", self.database), lossy=never)

    def submit(self, tag: str = "v1.0.0", *, supersede: bool = False) -> str:
        application = self.application
        location = str(self.folder / "wobble")
        project, commit = application.forge.identify(location), application.forge.resolve(location, tag)
        with application.sessions.write() as session:
            asked = submit(session, application.queue, 1.0, project, commit, Kind.PUBLICATION, supersede=supersede)
        application.engine.dispose()
        return asked.publication

    def start(self, fatal: int | None = None) -> ForkProcess:
        process = _PROCESSES.Process(target=work, args=(self.folder / "home", self.database, fatal, self.lossy))
        process.start()
        return process

    def reserve(self, ref: str, fatal: int | None = None) -> int:
        """Reserve a DOI in a process of its own; its exit code is -9 when it was killed."""
        home, repository = self.folder / "home", self.folder / "wobble"
        process = _PROCESSES.Process(target=reserve_in, args=(home, repository, ref, fatal, self.lossy))
        process.start()
        process.join(_SECONDS)
        assert process.exitcode is not None, self.log()[-4000:]
        return process.exitcode

    def work(self, fatal: int | None = None) -> int:
        """Let one worker work; its exit code is -9 when it was killed."""
        process = self.start(fatal)
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"the worker hangs: {self.log()[-4000:]}")
        return process.exitcode

    def moments(self) -> list[str]:
        return (self.folder / "home" / "moments").read_text().splitlines()

    def log(self) -> str:
        return (self.folder / "home" / "worker.log").read_text(errors="replace")
