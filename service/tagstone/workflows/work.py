"""What a step is given: the publication, its facts so far, the ports, and the ways to call, look, log and be cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from tagstone.domain import record
from tagstone.domain.archived import Archived
from tagstone.domain.policy import Policy
from tagstone.domain.publication import Kind, State
from tagstone.domain.record import Facts
from tagstone.domain.run import LogChunk
from tagstone.domain.source import Commit, ProjectIdentity
from tagstone.domain.waiting import Durations
from tagstone.errors import NotFound, Permanent
from tagstone.ports import Ports
from tagstone.store import bundles, logs, projects, publications
from tagstone.store.session import Sessions
from tagstone.workflows.waiting import wait

T = TypeVar("T")


class Cancelled(Exception):
    """Somebody asked for this publication to stop."""


@dataclass(frozen=True)
class Subject:
    """The publication a step works on, as it stood when the step began."""

    id: str
    kind: Kind
    attempt: int
    project_id: int
    project: ProjectIdentity
    commit: Commit
    supersedes: str | None
    created_at: float
    recorded: Facts | None

    @property
    def key(self) -> str:
        """What this attempt's build and run are named by outside."""
        return f"{self.id}-{self.attempt}"

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

    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function that blocks in a thread of our own pool: asyncio's has too few."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: function(*arguments))

    async def look(self) -> None:
        """Raise Cancelled when somebody asked for it."""
        if await self.call(self.cancel_requested):
            raise Cancelled

    async def until(self, observe: Callable[[], Awaitable[T | None]]) -> T:
        """Look again and again, ever less often, until `observe` answers something. Raises: Cancelled."""
        for pause in self.durations.polls():
            answer = await observe()
            if answer is not None:
                return answer
            await self.look()
            await wait(pause, durable=False)
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

    def bundle_files(self) -> list[Archived]:
        """What the bundle holds, as it was recorded."""
        with self.sessions.read() as session:
            return bundles.files(session, self.subject.id)

    def open_bundled(self, path: str) -> BinaryIO:
        """Open a file of the bundle by its path in it."""
        return (self.bundle / path).open("rb")

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
            self.ports.storage.write(logs.chunk_key(self.subject.id, source, last + 1), [chunk.data])
            with self.sessions.write() as session:
                row = logs.ensure(session, self.subject.id, source)
                row.last, row.size, row.cursor = last + 1, row.size + len(chunk.data), chunk.cursor

    def whole_log(self, source: str) -> Iterator[bytes]:
        """Every byte of a log that was pumped."""
        source = self.source(source)
        with self.sessions.read() as session:
            row = logs.find(session, self.subject.id, source)
            last = row.last if row else 0
        for number in range(1, last + 1):
            with self.ports.storage.open(logs.chunk_key(self.subject.id, source, number)) as stream:
                yield stream.read()

    def end_log(self, source: str) -> None:
        """Say that nothing will be added to a log."""
        with self.sessions.write() as session:
            logs.ensure(session, self.subject.id, self.source(source)).ended = True

    def cancel_requested(self) -> bool:
        """Say whether somebody asked for this publication to stop."""
        with self.sessions.read() as session:
            return publications.get(session, self.subject.id).cancel_requested
