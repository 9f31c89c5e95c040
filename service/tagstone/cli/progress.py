"""Progress on stderr while a publication is followed: a live picture on a terminal, plain lines anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tagstone.cli.output import console, tell
from tagstone.cli.safe_text import visible
from tagstone.cli.standing import Standing
from tagstone.domain.forges.remote import is_remote
from tagstone.domain.publications.publication import Kind, Step, steps
from tagstone.domain.runs.hardware import format_seconds

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from tagstone.store.tables import StepRow

_ENDS = {"done": "done", "failed": "failed", "abandoned": "given up"}
_SIGNS = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "abandoned": ("–", "yellow"),
    "started": ("●", "cyan"),
    "waiting": ("‖", "yellow"),
}


class Progress(Protocol):
    """Shows one look after the other."""

    def show(self, standing: Standing, now: float) -> None:
        """Show how the publication stands at `now` (seconds since the epoch)."""
        ...


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress fit for what stderr is; a terminal is left as it was found."""
    if not sys.stderr.isatty():
        yield PlainProgress()
        return
    from rich.live import Live

    with Live(console=console(stderr=True), auto_refresh=False, transient=False) as live:
        yield LiveProgress(live)


class PlainProgress:
    """A line for each thing that changed."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._waiting: str | None = None

    def show(self, standing: Standing, now: float) -> None:
        """Print what is new since the last look; times in seconds since the epoch."""
        row = standing.publication
        for step in current(standing):
            self._once(f"{step.step}: begun" + (f" (try {step.tries})" if step.tries > 1 else ""))
            if step.state in _ENDS:
                self._once(f"{step.step}: {_ENDS[step.state]} after {duration(step, now)}")
        if row.step == Step.RESOLVE and standing.line:
            self._once(f"{row.step}: {standing.line}")
        if row.waiting != self._waiting:
            self._waiting = row.waiting
            if row.waiting:
                tell(f"{row.step or 'queued'}: waiting: {visible(row.waiting)}")

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            tell(line)


class LiveProgress:
    """One picture that is drawn anew at each look."""

    def __init__(self, live: "Live") -> None:
        self._live = live

    def show(self, standing: Standing, now: float) -> None:
        """Draw the picture; `now` in seconds since the epoch."""
        self._live.update(picture(standing, now), refresh=True)


def picture(standing: Standing, now: float) -> "Table":
    """All steps of the chain with state and time; below the one at work why it waits, or the last line of its log."""
    from rich.table import Table
    from rich.text import Text

    row = standing.publication
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    begun = {step.step: step for step in current(standing)}
    for name in steps(Kind(row.kind), deposits=is_remote(row.project.location)):
        step = begun.get(name.value)
        if step is None:
            table.add_row(Text("·", style="dim"), Text(name.value, style="dim"), Text(""), Text(""))
            continue
        sign, style = _SIGNS.get(step.state, ("?", "yellow"))
        table.add_row(Text(sign, style=style), Text(name.value), Text(duration(step, now), style="dim"), _note(standing, step))
    if not begun:
        table.add_row(Text(""), Text(row.state), Text(""), Text(visible(row.waiting or "waits for a worker"), style="yellow"))
    return table


def current(standing: Standing) -> "list[StepRow]":
    """The steps that count now: one that failed before is about to be done again while the publication is active."""
    return [step for step in standing.steps if not (standing.state.active and step.state in ("failed", "abandoned"))]


def _note(standing: Standing, step: "StepRow") -> "Text":
    from rich.text import Text

    row = standing.publication
    tries = f"try {step.tries}  " if step.tries > 1 else ""
    if step.step != row.step or step.state not in ("started", "waiting"):
        return Text(tries, style="dim")
    if row.cancel_requested:
        return Text(tries + "is being stopped", style="yellow")
    if row.waiting:
        return Text(f"{tries}waiting: {visible(row.waiting)}", style="yellow")
    return Text(tries + standing.line, style="dim")


def duration(step: "StepRow", now: float) -> str:
    """How long a step took, or has taken by `now`."""
    return format_seconds(max(0.0, (step.finished_at or now) - step.started_at))
