"""Measuring on a machine that others use too: peers take turns, and the best of several tries counts."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def best(contestants: Mapping[str, Callable[[], float]], times: int) -> dict[str, float]:
    """The fewest seconds that each contestant tells of its tries: what the work costs when nobody is in the way.

    They take turns, so that whatever slows the machine down meets all of them, and every second turn goes backwards, since one
    leaves something behind for the next: warm caches, memory to be given back.
    """
    tries: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for _ in range(times):
        for name in order:
            tries[name].append(contestants[name]())
        order.reverse()
    return {name: min(each) for name, each in tries.items()}


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def peak_memory(process: int | str = "self") -> int:
    """The bytes that a process had in memory at most.

    `getrusage` would count what its parent had when it started the process, too.
    """
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024
