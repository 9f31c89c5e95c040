"""A child process that outlives its parent, kept in a folder: `lock` (held while it lives), `log`, and `exit` when it ended.

The lock is taken by the starter and inherited by all that the child starts, so that there is no moment in which a second
starter could think the place free. The keeper of the child is found by `members`, a file that only they have open, and
every process that is left by its descent from them.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagstone.adapters import child_limits
from tagstone.domain.runs.run import UMASK, LogChunk
from tagstone.errors import Temporary

TIMED_OUT = 124
"""The exit code of a child that ran too long, as coreutils' `timeout` has it."""

DISK_FULL = 122
"""The exit code of a child that was ended because the disk was nearly full (EDQUOT)."""

_LOOK = 0.5  # seconds between two looks at the disk
_ROOM = 2**18  # bytes kept free for the last words of a child that filled the disk
_SUBREAPER = 36  # prctl(2): what descendants leave behind becomes a child of this process, not of the first


@dataclass(frozen=True)
class Detached:
    """How a detached child stands: running, ended with `exit_code`, or lost (neither)."""

    running: bool
    exit_code: int | None = None

    @property
    def lost(self) -> bool:
        """True when it is gone without an answer."""
        return not self.running and self.exit_code is None


class Claim:
    """The place of one child, held by this process until the child is spawned."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    def spawn(
        self, argv: Sequence[str], env: Mapping[str, str], seconds: float, processes: int = child_limits.PROCESSES
    ) -> None:
        """Start the child, which has `seconds` to end and may be `processes` at once; `env` is its whole environment."""
        command = [
            sys.executable,
            "-P",
            "-m",
            __name__,
            str(self.folder.absolute()),
            str(self._lock),
            str(seconds),
            str(processes),
            "--",
            *argv,
        ]
        try:
            with (self.folder / "log").open("ab") as log:
                subprocess.run(
                    command,
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(env),
                    pass_fds=[self._lock],
                    cwd=self.folder,
                )
        except (OSError, subprocess.CalledProcessError) as error:
            raise Temporary(f"A process could not be started: {type(error).__name__}.") from error


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[Claim | None]:
    """The place of one child, None when a child has it or had it (then it is adopted)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        free = _take_for_good(lock)
        yield Claim(folder, lock) if free and not (folder / "exit").exists() else None
    finally:
        # Closing is no unlocking: a child that was spawned holds the same lock still.
        os.close(lock)


def observe(folder: Path) -> Detached | None:
    """How the child in `folder` stands, None when none was ever started there."""
    lock = _open_lock(folder)
    if lock is None:
        return None
    try:
        running = not (folder / "exit").exists() and not _take(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)
    # It may have ended between the two looks: `exit` is written before the lock is let go.
    code = _exit_code(folder)
    return Detached(running=running and code is None, exit_code=code)


def read_log(folder: Path, cursor: str, limit: int = 2**20) -> LogChunk:
    """At most `limit` log bytes from `cursor` on (a position in decimal; empty: the start)."""
    position = int(cursor) if cursor.isdecimal() else 0
    try:
        with (folder / "log").open("rb") as log:
            log.seek(position)
            data = log.read(limit)
    except FileNotFoundError:
        data = b""
    return LogChunk(data, str(position + len(data)))


def stop(folder: Path, grace: float = 3.0) -> None:
    """End the child and all that it started, after `grace` seconds by force. Nothing there is no error.

    Raises:
        Temporary: some of it is left.
    """
    # The keeper goes last: as long as it lives, whatever is orphaned becomes its child and can be found.
    last = keeper(folder)
    for number, spared in ((signal.SIGTERM, last), (signal.SIGKILL, last), (signal.SIGKILL, 0)):
        _signal(folder, number, spared)
        if _wait_for_end(folder, grace):
            return
    raise Temporary("A build's processes do not end.", delay=30.0)


def last_line(folder: Path, limit: int = 300) -> str:
    """The log's last line that says something, for people; at most `limit` characters."""
    try:
        with (folder / "log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip()[:limit] for line in reversed(lines) if line.strip()), "")


def _open_lock(folder: Path) -> int | None:
    try:
        return os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _take(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _take_for_good(lock: int) -> bool:
    """Take the lock for a child; someone who only looks has it for an instant, and is waited for."""
    waiting = threading.Event()
    for _ in range(10):
        if _take(lock, fcntl.LOCK_EX):
            return True
        waiting.wait(0.02)
    return False


def _wait_for_end(folder: Path, seconds: float) -> bool:
    """Wait until no process of the child is left, at most `seconds`."""
    waiting = threading.Event()
    step = 0.05
    for _ in range(max(1, int(seconds / step))):
        if not _members(folder):
            return True
        waiting.wait(step)
    return not _members(folder)


def keeper(folder: Path) -> int:
    """The keeper's process, 0 when it is not known. (It is only ever spared or looked at: a reused number does no harm.)"""
    try:
        return int((folder / "members").read_text() or 0)
    except FileNotFoundError:
        return 0


def _exit_code(folder: Path) -> int | None:
    try:
        return int(json.loads((folder / "exit").read_text()))
    except FileNotFoundError:
        return None


def _signal(folder: Path, number: int, spared: int) -> bool:
    """Signal every process of the child but `spared`; False when there is none."""
    targets = _members(folder) - {spared}
    for pid in targets:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return bool(targets)


def _members(folder: Path) -> set[int]:
    """Who has the file `members` open (only the keeper and what it starts ever has), and all that descend from them."""
    try:
        wanted = (folder / "members").stat()
    except FileNotFoundError:
        return set()
    parents = _parents()
    found: set[int] = set()
    more = {pid for pid in parents if _holds(pid, wanted)}
    while more - found:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in found}
    return found


def _parents() -> dict[int, int]:
    """Every living process and its parent; those that ended and only wait to be noticed are left out."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                # proc(5): pid (name) state ppid …; a name may hold anything, also brackets.
                state, parent = (entry / "stat").read_text().rpartition(") ")[2].split()[:2]
                if state not in "ZX":
                    found[int(entry.name)] = int(parent)
    return found


def _holds(pid: int, wanted: os.stat_result) -> bool:
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    except OSError:
        return False
    return False


def _write_exit(folder: Path, code: int) -> None:
    partial = folder / "exit.partial"
    with partial.open("w") as file:
        file.write(f"{code}\n")
        file.flush()
        os.fsync(file.fileno())
    partial.rename(folder / "exit")


def _run(folder: Path, inherited: Sequence[int], seconds: float, argv: Sequence[str]) -> None:
    """Be the child's keeper: run `argv` and write down how it ended, when nothing of it is left."""
    said, copying, room = "", None, folder / "room"
    try:
        with room.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _ROOM)
        # What is built or run must not depend on the umask of whoever started it.
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            umask=int(UMASK, 8),
        )
        # A file would take whatever is printed; a pipe lets the keeper count.
        printed = child.stdout.fileno() if child.stdout else -1
        copying = threading.Thread(target=child_limits.copy_log, args=(printed, sys.stdout.fileno()))
        copying.start()
        said, code = _waited(child, folder, seconds)
    except OSError as error:
        said = f"{argv[0]} cannot be started: {error.strerror}\n"
        code = 127
    while _signal(folder, signal.SIGKILL, os.getpid()):
        threading.Event().wait(0.01)
    if copying is not None:
        copying.join()
    room.unlink(missing_ok=True)
    # Last, since a shell may still say of what it started that it was killed.
    sys.stderr.write(said)
    sys.stderr.flush()
    _write_exit(folder, code)


def _waited(child: "subprocess.Popen[bytes]", folder: Path, seconds: float) -> tuple[str, int]:
    """What is to be said of a child's end, and its exit code; it has `seconds`, and must leave room on the disk."""
    ending = time.monotonic() + seconds
    while (left := ending - time.monotonic()) > 0:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return "", child.wait(min(left, _LOOK))
        if child_limits.disk_is_full(folder):
            return "It was ended because the disk is nearly full.\n", DISK_FULL
    return f"It was ended after {seconds:g} seconds, which is all the time it may take.\n", TIMED_OUT


def _main() -> None:
    folder, lock, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    # The first process only forks, so that the starter can wait for it at once and the child belongs to nobody.
    if os.fork():
        os._exit(0)
    os.setsid()
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    members = os.open(folder / "members", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(members, str(os.getpid()).encode())
    with child_limits.few_processes(int(sys.argv[4])):
        _run(folder, (lock, members), seconds, sys.argv[6:])


if __name__ == "__main__":
    _main()
