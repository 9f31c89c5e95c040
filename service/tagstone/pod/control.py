"""What the first process of the author's container notes in a folder that the author's code can write to as well.

Nothing there is followed, waited for or believed further than that: a file is read only if it is a small plain one.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

_MOST = 2**18


@dataclass(frozen=True)
class Note:
    """A note and when it was written (seconds since the epoch)."""

    text: str
    at: float


class Control:
    """The notes in the folder `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, name: str) -> Note | None:
        """The note of this name; None where there is none that could be ours."""
        try:
            # O_NONBLOCK: opening a pipe must not wait for its other end.
            handle = os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode) or info.st_size > _MOST:
                return None
            return Note(os.read(handle, _MOST).decode("utf-8", "replace"), info.st_mtime)
        finally:
            os.close(handle)

    def open_log(self) -> int:
        """The pipe that the command writes to, to be read without waiting. Raises: OSError."""
        return os.open(self._path / "log", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
