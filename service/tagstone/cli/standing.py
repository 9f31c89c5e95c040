"""How a publication stands at one moment: its row, its steps, and the last line of the log that grows now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tagstone.cli.safe_text import LogText
from tagstone.domain.publications.publication import State, Step
from tagstone.errors import NotFound

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.ports import Storage
    from tagstone.store.tables import Announcement, Log, Publication, StepRow

SOURCES = {Step.RESOLVE: "inputs", Step.BUILD: "build", Step.RUN: "run"}


@dataclass(frozen=True)
class Standing:
    """A publication as it was looked at; `line` is safe text, empty where no log grows.

    `asked` is what its depository was asked: the call, how many of it, and how many were answered; `announced` what its forge was told.
    """

    publication: "Publication"
    steps: "Sequence[StepRow]"
    line: str = ""
    asked: "Sequence[tuple[str, int, int]]" = ()
    announced: "Sequence[Announcement]" = ()

    @property
    def state(self) -> State:
        """The publication's state."""
        return State(self.publication.state)

    @property
    def rests(self) -> bool:
        """True while nothing goes on until a person has approved this publication, or the one before it in its series."""
        row = self.publication
        return self.state.active and not row.cancel_requested and any(step.state == "waiting" for step in self.steps)


def look(application: "Application", publication_id: str, *, line: bool = True) -> Standing:
    """Read how a publication stands; `line` for looking again and again, without it what was asked and told. Raises: NotFound."""
    from tagstone.store import announcements, asked, logs, publications, steps

    with application.sessions.read() as session:
        row = publications.get(session, publication_id)
        journal = steps.of(session, publication_id)
        source = SOURCES.get(Step(row.step)) if row.step and State(row.state).active else None
        log = logs.find(session, row.id, logs.source(source, row.attempt)) if source else None
        told = [] if line else asked.told(session, publication_id)
        announced = [] if line else announcements.of(session, publication_id)
    text = last_lines(application.storage, log, 1) if line and log is not None else ""
    return Standing(row, journal, text, told, announced)


def last_lines(storage: "Storage", log: "Log", count: int) -> str:
    """The last lines of a log that say something, as safe text; no more is read than they need."""
    data = b""
    for number in range(log.last, 0, -1):
        data = read_chunk(storage, log, number) + data
        if data.strip().count(b"\n") >= count:
            break
    lines = [line for line in LogText().feed(data, final=True).split("\n") if line.strip()]
    return "\n".join(lines[-count:])


def read_chunk(storage: "Storage", log: "Log", number: int) -> bytes:
    """One chunk of a log; empty when it is gone."""
    from tagstone.store import logs

    try:
        with storage.open(logs.chunk_key(log.publication_id, log.source, number)) as stream:
            return stream.read()
    except NotFound:
        return b""
