"""One command with many values: each combination of them is a run of its own, whose outputs have a folder of their own."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from tagstone.domain.runs.hardware import Resources

MOST = 1000
"""Combinations that any site takes at most."""

_LONGEST = 80
_UNFIT = re.compile(r"[^A-Za-z0-9._=-]+")


@dataclass(frozen=True)
class Combination:
    """One combination: its number from 1, the folder of its outputs, and its values by name, as the command has them."""

    number: int
    folder: str
    values: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"run {self.number} ({', '.join(f'{name}={value}' for name, value in self.values)})"


def combinations(matrix: Mapping[str, Sequence[object]]) -> tuple[Combination, ...]:
    """Every combination of the values, the last name's changing first; none where there is no name.

    A folder's name begins with the number, so that no two are the same anywhere and none means anything to a system; what
    follows is for people: the values as far as they are fit for a name.
    """
    if not matrix:
        return ()
    found = list(product(*matrix.values()))
    width = len(str(len(found)))
    made = []
    for number, values in enumerate(found, 1):
        named = tuple(zip(matrix, map(argument, values), strict=True))
        made.append(Combination(number, _folder(f"{number:0{width}}", named), named))
    return tuple(made)


def size(matrix: Mapping[str, Sequence[object]]) -> int:
    """How many combinations there are, without making them."""
    return math.prod(len(values) for values in matrix.values()) if matrix else 0


def argument(value: object) -> str:
    """A value as a command has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def together(asked: Resources, runs: int, parallel: int) -> Resources:
    """What so many runs ask for in all: hardware of those that run at once, and time of one after the other."""
    once = max(1, min(runs, parallel))
    return replace(
        asked,
        cpu=asked.cpu * once,
        memory=asked.memory * once,
        disk=asked.disk * once,
        gpu=asked.gpu * once,
        time=asked.time * math.ceil(max(1, runs) / once),
    )


def _folder(number: str, values: Sequence[tuple[str, str]]) -> str:
    words = "-".join(f"{name}={value[:_LONGEST]}" for name, value in values)
    # A dot or blank at the end of a name is lost on some systems.
    return f"{number}-{_UNFIT.sub('_', words)}"[:_LONGEST].rstrip(".-_=")
