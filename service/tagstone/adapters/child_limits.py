"""Limits that the keeper of a detached child holds by itself, so that a build cannot take the machine: what it may print, how
many processes it may have, and how much of the disk it has to leave. Where the kernel does not let us, there is one less.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

LOG_BYTES = 64 * 2**20
PROCESSES = 4096
_ROOM = 2**30  # bytes that have to stay free on the disk, but no more than a twentieth of it
_GROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))  # cgroup version 1, and 2
_PREFIX = "tagstone-child-"


def copy_log(source: int, target: int, limit: int = LOG_BYTES) -> None:
    """Copy what a child prints to its end; beyond `limit` bytes, or where the disk is full, it is counted and left out."""
    kept = out = 0
    while piece := os.read(source, 2**16):
        written = _written(target, piece[: limit - kept])
        kept += written
        out += len(piece) - written
    if out:
        _written(target, b"\n[Tagstone kept %d bytes of this log; %d more were left out.]\n" % (kept, out))


def _written(target: int, piece: bytes) -> int:
    """Write what finds room, and say how much that was."""
    rest = piece
    with contextlib.suppress(OSError):
        while rest:
            rest = rest[os.write(target, rest) :]
    return len(piece) - len(rest)


@contextlib.contextmanager
def few_processes(most: int) -> Iterator[None]:
    """This process and all that it starts are at most `most` processes while the context is open."""
    home, group = _own_group(most)
    try:
        yield
    finally:
        if group is not None:
            with contextlib.suppress(OSError):
                (home / "cgroup.procs").write_text(str(os.getpid()))
                group.rmdir()


def disk_is_full(folder: Path) -> bool:
    """Say whether the disk below a folder has less room than has to stay free."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < min(_ROOM, disk.f_blocks * disk.f_frsize // 20)


def _own_group(most: int) -> tuple[Path, Path | None]:
    for top in _GROUPS:
        home = top / _place(top)
        group = home / f"{_PREFIX}{os.getpid()}"
        try:
            _sweep(home)
            group.mkdir()
            (group / "pids.max").write_text(str(most))
            (group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        return home, group
    return Path(), None


def _place(top: Path) -> str:
    """The group that we are in already, below which a new one stays within its limits."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == ("pids" if top.name == "pids" else ""):
            place = path.strip("/")
            return place if (top / place).is_dir() and not place.rpartition("/")[2].startswith(_PREFIX) else ""
    return ""


def _sweep(home: Path) -> None:
    """Groups of keepers that were killed are empty; those in use cannot be removed."""
    for group in home.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            group.rmdir()
