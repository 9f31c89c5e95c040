"""Commands that only look: list, show, logs."""

import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tagstone.cli.opening import application_of, named
from tagstone.cli.output import Json, answering, tell
from tagstone.cli.publishing import Identity
from tagstone.cli.safe_text import LogText, visible
from tagstone.cli.standing import read_chunk
from tagstone.domain.publications.publication import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from tagstone.bootstrap import Application
    from tagstone.store.tables import Log, Publication


class Source(StrEnum):
    """Whose log."""

    INPUTS = "inputs"
    BUILD = "build"
    RUN = "run"


def list_(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only those in this state.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    json: Json = False,
) -> None:
    """List publications and rehearsals, newest first."""
    with answering(json=json) as output:
        from tagstone.cli.result import result
        from tagstone.store import publications

        application = application_of(context)
        with application.sessions.read() as session:
            rows = publications.listing(session, state=state, facts=json, limit=limit)
        output.answer({"publications": [result(application, row) for row in rows] if json else []}, lambda: _table(rows))


def show(context: typer.Context, identity: Identity, json: Json = False) -> None:
    """Show one publication.

    What and where, identifier, image, steps, hardware, outputs, and what to do if it failed. A rehearsal is found by its id, by a beginning of it, or by the ref that it was made from.
    """
    with answering(json=json) as output:
        from tagstone.cli.card import card
        from tagstone.cli.result import result
        from tagstone.cli.standing import look

        application = application_of(context)
        standing = look(application, named(application, identity).id, line=False)
        steps = [
            {
                "step": step.step,
                "state": step.state,
                "tries": step.tries,
                "started_at": step.started_at,
                "finished_at": step.finished_at,
            }
            for step in standing.steps
        ]
        asked = [{"call": call, "asked": count, "answered": answered} for call, count, answered in standing.asked]
        data = result(application, standing.publication) | {"steps": steps, "depository": asked}
        output.answer(data, lambda: card(application, standing, application.clock.now()))


def logs(
    context: typer.Context,
    identity: Identity,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the publication has ended.")] = False,
    source: Annotated[
        Source | None, typer.Option(help="Whose log; without it the one of the step that came last.", show_default=False)
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(
            min=1, help="The log of this run of a matrix alone, while it runs too.", metavar="NUMBER", show_default=False
        ),
    ] = None,
) -> None:
    """Print the log of build or run, or how inputs were fetched.

    Control characters are shown, not obeyed. Logs of failed runs are kept too. Of a matrix it has each run's when that has ended.
    """
    with answering(json=False):
        application = application_of(context)
        row = named(application, identity)
        wanted = source if run is None else f"{Source.RUN}.{run}"
        tape = Tape(application, row.id, wanted)
        for pause in application.durations.polls():
            # Asked for in this order: a log that is complete when the publication has ended misses nothing.
            ended = not State(named(application, row.id).state).active
            tape.play()
            if ended or not follow:
                break
            time.sleep(min(pause, 0.5))
        if not tape.finish():
            tell(f"{row.id} has no {wanted or ''} log yet.".replace("  ", " "))


class Tape:
    """Prints what is new of a publication's logs: the newest one of `source` (None: of all), and those begun after it.

    Of a matrix that is the log of all runs; that of one alone is printed where it is the `source`.
    """

    def __init__(self, application: "Application", publication: str, source: str | None) -> None:
        self._application = application
        self._publication = publication
        self._source = source
        self._told: dict[int, int] = {}
        self._text, self._broken = LogText(), False

    def play(self) -> None:
        """Print every chunk that was not printed yet."""
        for log in self._logs():
            if log.id not in self._told:
                self._end_line()
            for number in range(self._told.get(log.id, 0) + 1, log.last + 1):
                self._print(self._text.feed(read_chunk(self._application.storage, log, number)))
            self._told[log.id] = log.last

    def finish(self) -> bool:
        """Print what was held back; say whether there was any log."""
        self._end_line()
        return bool(self._told)

    def _end_line(self) -> None:
        """End one log, so that what follows begins on a line of its own."""
        self._print(self._text.feed(b"", final=True))
        self._print("\n" if self._broken else "")
        self._text = LogText()

    def _print(self, text: str) -> None:
        print(text, end="", flush=True)
        self._broken = not text.endswith("\n") if text else self._broken

    def _logs(self) -> "list[Log]":
        from tagstone.store import logs as chunks

        with self._application.sessions.read() as session:
            found = chunks.of(session, self._publication)
        names = [(log, log.source.split("-")[0]) for log in found]
        wanted = [log for log, name in names if name == self._source or (self._source is None and "." not in name)]
        return [log for log in wanted if log.id >= min(self._told)] if self._told else wanted[-1:]


def _table(rows: "Sequence[Publication]") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name, folds in (
        ("ID", False),
        ("STATE", False),
        ("PROJECT", True),
        ("REF", True),
        ("TITLE", True),
        ("DOI", False),
        ("CREATED", False),
    ):
        table.add_column(name, no_wrap=not folds, overflow="fold")
    for row in rows:
        state = row.state + (f" ({row.step})" if row.step and State(row.state).active else "")
        created = f"{datetime.fromtimestamp(row.created_at, UTC):%Y-%m-%d %H:%M}"
        title = (row.title or "") + (" (results not run by Tagstone)" if row.contents == "brought" else "")
        cells = (row.id, state, row.project.name, row.ref, title, row.doi or "", created)
        table.add_row(*(Text(visible(cell)) for cell in cells))
    return table
