"""What is found while two files are walked side by side: how many places differ, by how much, and where the worst is."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagstone.domain.runs.comparison import Deviation

Where = Callable[[], str]
"""Says where a difference is; only asked for those that are told."""

_MOST_NOTES = 5
_SHOWN = 80
_BLOCK = 2**20


class Unreadable(Exception):
    """A file is not what its rule says, or cannot be read; the text says why, for people."""


class Differences:
    """Counts the places that are outside `atol + rtol * |recorded|` and remembers the worst one."""

    def __init__(self, rtol: float, atol: float) -> None:
        self._rtol = rtol
        self._atol = atol
        self._beyond = 0
        self._largest: float | None = None
        self._relative: float | None = None
        self._worst: tuple[tuple[float, float], str] | None = None
        self._notes: list[str] = []

    def structure(self, text: str) -> None:
        """Two parts cannot be laid over each other; `text` says which and how."""
        self._beyond += 1
        self._note(text)

    def hint(self, text: str) -> None:
        """Say before all else what may be behind the differences, if there are any."""
        if self._beyond:
            self._notes.insert(0, text)

    def text(self, where: Where, recorded: str, found: str) -> None:
        """Two texts that are not numbers; equal ones are no difference."""
        if recorded != found:
            self._beyond += 1
            if len(self._notes) < _MOST_NOTES:
                self._note(f"{where()}: {shown(recorded)} recorded, {shown(found)} found")

    def numbers(self, where: Where, recorded: float, found: float) -> None:
        """Two numbers; NaN equals NaN, and infinities equal themselves only."""
        if recorded == found or (recorded != recorded and found != found):  # noqa: PLR0124  # what is not itself is NaN
            return
        try:
            difference, size = float(abs(found - recorded)), float(abs(recorded))
        except OverflowError:
            difference = size = math.inf
        if not math.isfinite(difference):
            self.text(where, str(recorded), str(found))
            return
        allowed = self._atol + self._rtol * size
        self._beyond += difference > allowed
        self._measure(difference, difference / size if size else math.inf)
        self._remember(difference, allowed, lambda: f"{where()}: {recorded!r} recorded, {found!r} found")

    def arrays(
        self, where: Callable[[tuple[int, ...]], str], recorded: NDArray[Any], found: NDArray[Any], scale: float = 1.0
    ) -> None:
        """Two arrays of numbers of one shape, value by value, each times `scale`; memory for a block at a time."""
        # The widest floats hold every integer of 64 bits.
        kind = np.longdouble if {recorded.dtype.kind, found.dtype.kind} <= set("iu") else np.float64
        one, two = recorded.reshape(-1), found.reshape(-1)
        for start in range(0, one.size, _BLOCK):

            def place(at: int, start: int = start) -> str:
                return where(tuple(int(part) for part in np.unravel_index(start + at, recorded.shape)))

            left, right = (np.multiply(part[start : start + _BLOCK], scale, dtype=kind) for part in (one, two))
            self._block(place, left, right)

    def result(self) -> Deviation:
        """All of it; the worst place of numbers comes first."""
        worst = [self._worst[1]] if self._worst else []
        return Deviation(self._beyond, self._largest, self._relative, tuple([*worst, *self._notes][:_MOST_NOTES]))

    def _block(self, where: Callable[[int], str], recorded: NDArray[Any], found: NDArray[Any]) -> None:
        apart = ~((recorded == found) | (np.isnan(recorded) & np.isnan(found)))
        both = np.isfinite(recorded) & np.isfinite(found)
        odd = np.flatnonzero(apart & ~both)
        self._beyond += len(odd)
        for at in odd[:_MOST_NOTES]:
            self._note(f"{where(int(at))}: {recorded[at]} recorded, {found[at]} found")
        places = np.flatnonzero(apart & both)
        if not len(places):
            return
        one, two = recorded[places], found[places]
        with np.errstate(all="ignore"):
            difference, size = np.abs(two - one), np.abs(one)
            allowed = self._atol + self._rtol * size
            self._measure(float(difference.max()), float((difference / size).max()))
            score = difference / allowed
        farthest = np.flatnonzero(score == score.max())
        worst = farthest[difference[farthest].argmax()]
        self._beyond += int(np.count_nonzero(difference > allowed))
        values = f"{one[worst]} recorded, {two[worst]} found"
        self._remember(float(difference[worst]), float(allowed[worst]), lambda: f"{where(int(places[worst]))}: {values}")

    def _measure(self, difference: float, relative: float) -> None:
        self._largest = max(self._largest or 0.0, difference)
        self._relative = max(self._relative or 0.0, relative)

    def _remember(self, difference: float, allowed: float, tell: Where) -> None:
        # How far outside comes first, then how large: without a tolerance the largest difference is the worst.
        rank = (difference / allowed if allowed else math.inf, difference)
        if self._worst is None or rank > self._worst[0]:
            self._worst = rank, tell()

    def _note(self, text: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(text)


def shown(text: str) -> str:
    """A stranger's text on one line, cut to what a person reads."""
    return ascii(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
