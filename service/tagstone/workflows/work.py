"""What a step is given: the publication, its facts so far, the ports, and the ways to call, look, log and be cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tagstone.actions import pack
from tagstone.actions.accounts import Accounts
from tagstone.actions.drafts import Drafts
from tagstone.actions.journal import Journal
from tagstone.actions.pack import Deposited
from tagstone.adapters.news import News
from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.forges.remote import is_remote
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.publications import record
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import Kind, State, Step, steps
from tagstone.domain.publications.record import Facts
from tagstone.domain.publications.waiting import Durations
from tagstone.domain.runs.caps import Caps
from tagstone.domain.runs.caps import load as load_caps
from tagstone.domain.runs.run import LogChunk
from tagstone.errors import NotFound, Permanent
from tagstone.ports import DepositAccount, Ports
from tagstone.store import bundles, logs, projects, publications, registrations
from tagstone.store.session import Sessions
from tagstone.workflows.waiting import wait_for

T = TypeVar("T")


class Cancelled(Exception):
    """Somebody asked for this publication to stop."""


@dataclass(frozen=True)
class Subject:
    """The publication a step works on, as it stood when the step began; `handed_…` is what a CI job handed in.

    `registered` says that it is of a project registered at a forge, with these `caps`.
    """

    id: str
    kind: Kind
    attempt: int
    project_id: int
    project: ProjectIdentity
    commit: Commit
    supersedes: str | None
    created_at: float
    recorded: Facts | None
    handed_image: ImageReference | None = None
    handed_manifest: str | None = None
    registered: bool = False
    caps: Caps = field(default_factory=Caps)

    @property
    def key(self) -> str:
        """What this attempt's build and run are named by outside."""
        return f"{self.id}-{self.attempt}"

    @property
    def rehearses(self) -> bool:
        """True where nothing may come of it that lasts."""
        return self.kind is Kind.REHEARSAL

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its steps: rehearsals of a forge's project deposit too, those of a local repository do not."""
        return steps(self.kind, deposits=is_remote(self.project.location))

    @property
    def facts(self) -> Facts:
        """What was recorded so far. Raises: Permanent when nothing was."""
        if self.recorded is None:
            raise Permanent(f"Nothing is recorded of {self.id} yet.", remedy=f"`tagstone retry {self.id}` begins again.")
        return self.recorded


def load_subject(sessions: Sessions, publication_id: str) -> tuple[Subject, State, bool]:
    """The publication as it stands, its state, and whether it is asked to stop. Raises: NotFound."""
    with sessions.read() as session:
        row = publications.get(session, publication_id)
        registration = registrations.of_project(session, row.project_id)
        subject = Subject(
            id=row.id,
            kind=Kind(row.kind),
            attempt=row.attempt,
            project_id=row.project_id,
            project=projects.identity(row.project),
            commit=Commit(sha=row.commit, time=row.commit_time, tree=row.tree, ref=row.ref),
            supersedes=row.supersedes,
            created_at=row.created_at,
            recorded=record.load(row.facts.encode()) if row.facts else None,
            handed_image=ImageReference(*row.handed_image.rsplit("@", 1)) if row.handed_image else None,
            handed_manifest=row.handed_manifest,
            registered=registration is not None,
            caps=load_caps(registration.caps) if registration else Caps(),
        )
        return subject, State(row.state), row.cancel_requested


@dataclass(frozen=True)
class Work:
    """Everything a step may use."""

    subject: Subject
    ports: Ports
    sessions: Sessions
    durations: Durations
    policy: Policy
    pool: Executor
    home: Path
    news: News = field(default_factory=News)

    @property
    def accounts(self) -> Accounts:
        """Finds accounts at depositories."""
        return Accounts(self.sessions, self.ports.depositories, self.ports.vault, self.policy)

    def account(self) -> DepositAccount:
        """The account that this publication's deposit was begun with. Blocks."""
        return self.accounts.of_publication(self.subject.id)

    @property
    def drafts(self) -> Drafts:
        """The drafts of this site."""
        return Drafts(self.sessions, self.accounts, self.ports.clock)

    @property
    def journal(self) -> Journal:
        """What the depository was asked for this publication."""
        return self.drafts.journal(self.subject.id)

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function that blocks in a thread of our own pool: asyncio's has too few."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: function(*arguments))

    async def look(self) -> None:
        """Raise Cancelled when somebody asked for it."""
        await self.call(self.heed)

    async def until(self, observe: Callable[[], Awaitable[T | None]], quiet: Callable[[], bool] = lambda: False) -> T:
        """Look again and again, ever less often and at once where there is news, until `observe` answers something.

        While `quiet` says that nothing happens without news, it is looked at now and then only. Raises: Cancelled.
        """
        heard, loop = asyncio.Event(), asyncio.get_running_loop()
        with self.news.listening(self.subject.key, lambda: _call_soon(loop, heard.set)):
            for pause in self.durations.polls():
                heard.clear()
                answer = await observe()
                if answer is not None:
                    return answer
                await self.look()
                await wait_for(heard, self.durations.quiet if quiet() else pause)
        raise AssertionError("polls never end")

    @property
    def bundle(self) -> Path:
        """The folder of this publication's bundle."""
        return self.home / "bundles" / self.subject.id

    @property
    def folder(self) -> Path:
        """Where half-made files live."""
        return self.home / "scratch"

    def source(self, name: str) -> str:
        """What this attempt's build or run log is called; the logs of earlier attempts stay."""
        return logs.source(name, self.subject.attempt)

    def remember(self, facts: Facts) -> None:
        """Record facts before the step has ended, for what must be kept though the step fails."""
        with self.sessions.write() as session:
            publications.get(session, self.subject.id).facts = record.dump(facts).decode()

    def remember_bundle(self, files: list[Archived]) -> None:
        """Record what the bundle holds."""
        with self.sessions.write() as session:
            bundles.put(session, self.subject.id, str(self.bundle.relative_to(self.home)), files)

    def deposited(self, limits: Limits) -> Deposited:
        """What is deposited of the bundle at a depository with these limits, recorded; the pack is made where one is needed."""
        with self.sessions.read() as session:
            bundle, known = bundles.files(session, self.subject.id), bundles.deposited(session, self.subject.id)
        made = pack.deposited(bundle, limits, self.bundle, self._pack, known)
        with self.sessions.write() as session:
            bundles.put_deposited(session, self.subject.id, made.files)
        return made

    def deposited_files(self) -> list[Archived]:
        """What the deposit is to hold, as it was recorded."""
        with self.sessions.read() as session:
            return bundles.deposited(session, self.subject.id)

    def remove_pack(self) -> None:
        """Remove the pack of the deposit: it is made again where it is wanted."""
        self._pack.unlink(missing_ok=True)

    @property
    def _pack(self) -> Path:
        return self.folder / f"{self.subject.id}-{PACK}"

    def pump(self, source: str, read: Callable[[str, str], LogChunk]) -> None:
        """Move what is new of a log into storage: the chunk first, then the row that counts it."""
        source = self.source(source)
        while True:
            with self.sessions.read() as session:
                row = logs.find(session, self.subject.id, source)
                last, cursor = (row.last, row.cursor) if row else (0, "")
            try:
                chunk = read(self.subject.key, cursor)
            except NotFound:
                return
            if not chunk.data:
                return
            self._add_chunk(source, last, chunk)

    def _add_chunk(self, source: str, last: int, chunk: LogChunk) -> None:
        """Put a chunk behind the `last` one: a kill in between lets the next one take its place."""
        self.ports.storage.write(logs.chunk_key(self.subject.id, source, last + 1), [chunk.data])
        with self.sessions.write() as session:
            row = logs.ensure(session, self.subject.id, source)
            row.last, row.size, row.cursor = last + 1, row.size + len(chunk.data), chunk.cursor

    def say(self, source: str, line: str) -> None:
        """Put a line of our own behind a log."""
        self._append(source, line.encode("utf-8", "backslashreplace") + b"\n")

    def _append(self, source: str, data: bytes) -> None:
        source = self.source(source)
        with self.sessions.read() as session:
            row = logs.find(session, self.subject.id, source)
            last = row.last if row else 0
        self._add_chunk(source, last, LogChunk(data, ""))

    def whole_log(self, source: str) -> Iterator[bytes]:
        """Every byte of a log that was pumped."""
        source = self.source(source)
        with self.sessions.read() as session:
            row = logs.find(session, self.subject.id, source)
            last = row.last if row else 0
        for number in range(1, last + 1):
            with self.ports.storage.open(logs.chunk_key(self.subject.id, source, number)) as stream:
                yield stream.read()

    def waits(self, reason: str | None) -> None:
        """Say what the publication waits for, for its page and for who follows it; None: for nothing."""
        with self.sessions.write() as session:
            row = publications.get(session, self.subject.id)
            row.waiting, row.updated_at = reason, self.ports.clock.now()

    def append_log(self, source: str, target: str) -> None:
        """Put all of one log behind another, which ends with a whole line."""
        last = b"\n"
        for data in self.whole_log(source):
            self._append(target, data)
            last = data
        if not last.endswith(b"\n"):
            self._append(target, b"\n")

    def rewind_log(self, source: str) -> None:
        """Read a log's source from its beginning again: what it says next is added to what it said."""
        with self.sessions.write() as session:
            logs.rewind(session, self.subject.id, self.source(source))

    def end_log(self, source: str) -> None:
        """Say that nothing will be added to a log."""
        with self.sessions.write() as session:
            logs.ensure(session, self.subject.id, self.source(source)).ended = True

    def heed(self) -> None:
        """Raise Cancelled when somebody asked for it."""
        if self.cancel_requested():
            raise Cancelled

    def approved(self) -> bool:
        """Say whether somebody approved this publication's release."""
        with self.sessions.read() as session:
            return publications.get(session, self.subject.id).approved_at is not None

    def cancel_requested(self) -> bool:
        """Say whether somebody asked for this publication to stop."""
        with self.sessions.read() as session:
            return publications.standing(session, self.subject.id).cancel_requested


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Have the loop call it; one that has ended meanwhile waits for nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
