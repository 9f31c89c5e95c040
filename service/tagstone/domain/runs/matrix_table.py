"""The runs of a matrix, a line for each: with which values, how it ended, how long it took, what was granted and used."""

from collections.abc import Sequence
from dataclasses import dataclass

from tagstone.domain.publications.record import MatrixRun
from tagstone.domain.runs.hardware_table import rows


@dataclass(frozen=True)
class Line:
    """One run; an empty text is something that nobody granted or measured."""

    number: int
    folder: str
    values: tuple[str, ...]
    outcome: str
    taken: str
    granted: str
    used: str


def names(runs: Sequence[MatrixRun]) -> tuple[str, ...]:
    """What the values of each line are called."""
    return tuple(name for name, _ in runs[0].combination.values) if runs else ()


def lines(runs: Sequence[MatrixRun]) -> list[Line]:
    """The table of all runs, by their numbers."""
    return [_line(one) for one in runs]


def _line(one: MatrixRun) -> Line:
    hardware = {row.name: row for row in rows(one.run)}
    granted, known = one.run.status.granted, [hardware["Processors"].granted, hardware["Memory"].granted]
    if granted is not None:
        known += [*granted.gpus, f"node {granted.node}" if granted.node else ""]
    values = tuple(value for _, value in one.combination.values)
    return Line(
        one.combination.number,
        one.combination.folder,
        values,
        "no outputs" if one.problem else str(one.run.status.outcome),
        hardware["Time"].used,
        ", ".join(said for said in known if said),
        hardware["Memory"].used,
    )
