"""Measuring on a machine that others use too: peers take turns, and the best of several tries counts."""

import time
from collections.abc import Callable, Mapping


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def taking_turns(contestants: Mapping[str, Callable[[], object]], times: int) -> dict[str, list[float]]:
    """Every contestant's seconds; they take turns, so that whatever slows the machine down meets all of them."""
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(times):
        for name, work in contestants.items():
            measured[name].append(seconds(work))
    return measured


def best(contestants: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """The shortest time of each: what the work costs when nobody is in the way."""
    return {name: min(tries) for name, tries in taking_turns(contestants, times).items()}


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
