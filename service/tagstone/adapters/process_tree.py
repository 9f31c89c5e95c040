"""What a process and all that descend from it have used, told from /proc: for what runs in no group of its own."""

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def consumption(root: int) -> tuple[float, int] | None:
    """Processor seconds so far, of processes that have ended too, and resident bytes now; None when `root` is gone.

    Pages that several processes share count for each of them.
    """
    parents: dict[int, int] = {}
    used: dict[int, tuple[float, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                # proc(5): pid (name) state ppid …; a name may hold anything, also brackets.
                fields = (entry / "stat").read_text(errors="replace").rpartition(") ")[2].split()
                pid = int(entry.name)
                parents[pid] = int(fields[1])
                # utime, stime, and those of the children that were waited for; rss.
                used[pid] = sum(int(field) for field in fields[11:15]) / _TICKS, int(fields[21]) * _PAGE
    if root not in parents:
        return None
    members: set[int] = set()
    more = {root}
    while more:
        members |= more
        more = {pid for pid, parent in parents.items() if parent in members} - members
    return sum(used[pid][0] for pid in members), sum(used[pid][1] for pid in members)
