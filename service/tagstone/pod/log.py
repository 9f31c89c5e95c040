"""The command's log on its way to the desk: kept up to a limit in a file of the keeper's own, counted beyond."""

import sys
from pathlib import Path

from tagstone.pod.desk_client import Desk

_PIECE = 2**20


class Log:
    """One thread takes, another sends."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0)
        self._limit = limit
        self._sent = 0
        self.kept = 0
        self.left_out = 0

    def take(self, data: bytes) -> None:
        """Keep what may be kept, and say it again on our own output, where `kubectl logs` finds it."""
        part = data[: self._limit - self.kept]
        self._file.write(part)
        sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        self.left_out += len(data) - len(part)
        self.kept += len(part)

    def send(self, desk: Desk, end: int) -> None:
        """Send what was kept up to `end` (bytes). Raises: Temporary when patience ended, what the desk refuses."""
        with self._path.open("rb") as file:
            while self._sent < end:
                file.seek(self._sent)
                piece = file.read(min(_PIECE, end - self._sent))
                answer = desk.put(f"log/{self._sent}", piece)
                self._sent = int(answer["have"])
