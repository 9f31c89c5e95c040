"""The journal of one publication's calls to its depository, in transactions of their own: the intent before the call, then the answer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tagstone.domain.deposits.deposit import DepositFile
from tagstone.domain.publications.archived import Archived
from tagstone.ports import Clock
from tagstone.store import asked
from tagstone.store.session import Sessions

# Files arrive by the thousand and each commit waits for the disk; what a kill takes of this is seen in the draft itself.
_ARRIVALS = 500
_SECONDS = 1.0


@dataclass(frozen=True)
class Entry:
    """What was asked: `about` what, when (seconds since the epoch), and the answer, None where it never came."""

    about: str
    answer: str | None
    asked_at: float


@dataclass(frozen=True)
class Journal:
    """What a depository was asked for `publication`, which may be a reservation."""

    sessions: Sessions
    clock: Clock
    publication: str

    def find(self, call: str) -> Entry | None:
        """What was asked, None where it never was."""
        with self.sessions.read() as session:
            row = asked.find(session, self.publication, call)
            return Entry(row.about, row.answer, row.asked_at) if row else None

    def ask(self, call: str, about: str = "") -> Entry:
        """Write down that this is asked next."""
        now = self.clock.now()
        with self.sessions.write() as session:
            asked.ask(session, self.publication, call, now, about)
        return Entry(about, None, now)

    def answer(self, call: str, text: str) -> None:
        """Write down what came back."""
        with self.sessions.write() as session:
            asked.answer(session, self.publication, call, self.clock.now(), text)

    def ask_files(self, files: Sequence[Archived]) -> None:
        """Write down that these files are sent next, in one transaction."""
        if files:
            with self.sessions.write() as session:
                checksums = {file.path: f"sha256:{file.sha256}" for file in files}
                asked.ask_files(session, self.publication, self.clock.now(), checksums)

    @contextmanager
    def arrivals(self) -> Iterator[Callable[[DepositFile], None]]:
        """What takes down each file that arrived, many in one transaction."""
        arrived, written = dict[str, str](), self.clock.now()

        def write() -> None:
            with self.sessions.write() as session:
                asked.answer_files(session, self.publication, self.clock.now(), arrived)
            arrived.clear()

        def arrive(file: DepositFile) -> None:
            nonlocal written
            arrived[file.name] = file.checksum
            if len(arrived) >= _ARRIVALS or self.clock.now() - written >= _SECONDS:
                write()
                written = self.clock.now()

        try:
            yield arrive
        finally:
            write()

    def forget(self, *calls: str) -> None:
        """Forget calls of these kinds; without any, all of them."""
        with self.sessions.write() as session:
            asked.forget(session, self.publication, calls)
