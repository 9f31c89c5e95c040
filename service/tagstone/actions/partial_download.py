"""One file's download, kept as far as it came: a process that was killed, or a network that broke off, loses nothing."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tagstone.errors import Permanent, Temporary
from tagstone.ports import Download

_CHUNK = 2**20
_WAIT = 0.5  # seconds between two looks whether another process has done with the same source


class PartialDownload:
    """The bytes of one source that are here so far, and the mark by which its server goes on."""

    def __init__(self, stream: BinaryIO, mark_file: Path) -> None:
        self._stream = stream
        self._mark_file = mark_file

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self._stream.seek(0, os.SEEK_END)

    @property
    def mark(self) -> str:
        """What the server gave with them; empty where they cannot be gone on with."""
        return self._mark_file.read_text("utf-8") if self._mark_file.exists() else ""

    def begin(self, download: Download) -> None:
        """Forget what is here, unless the download goes on behind it. Raises: Permanent."""
        if download.start == 0:
            self._stream.truncate(0)
            incoming = self._mark_file.with_suffix(".incoming")
            incoming.write_text(download.mark, "utf-8")
            incoming.replace(self._mark_file)
        elif download.start != self.size:
            raise Permanent("A download went on at another place than asked for.", remedy="Publish again: it begins anew.")
        self._stream.seek(0, os.SEEK_END)

    def add(self, piece: bytes) -> None:
        """Put a piece behind what is here."""
        self._stream.write(piece)

    def pieces(self) -> Iterator[bytes]:
        """All that is here, from its beginning."""
        self._stream.flush()
        self._stream.seek(0)
        return iter(lambda: self._stream.read(_CHUNK), b"")

    def forget(self) -> None:
        """Remove what is here: it is kept elsewhere now, or of no use."""
        self._mark_file.unlink(missing_ok=True)
        self._stream.truncate(0)


@contextmanager
def partial_download(folder: Path, source: str, heed: Callable[[], None]) -> Iterator[PartialDownload]:
    """What is here of a source, for one process at a time; `heed` may raise while another has it.

    Raises:
        Temporary: the disk is in trouble.
    """
    name = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()
    path = folder / f"{name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _claimed(path, heed) as stream:
            try:
                yield PartialDownload(stream, folder / f"{name}.mark")
            finally:
                if stream.seek(0, os.SEEK_END) == 0:
                    path.unlink(missing_ok=True)
    except OSError as error:
        raise Temporary(
            f"A download could not be kept: {error.strerror}.", remedy="Look at space and rights of the disk."
        ) from error


@contextmanager
def _claimed(path: Path, heed: Callable[[], None]) -> Iterator[BinaryIO]:
    """The file, locked; whoever held it before may have removed it, so that its name is looked at again."""
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                heed()
            else:
                if _same(path, stream):
                    yield stream
                    return
                continue
        time.sleep(_WAIT)


def _same(path: Path, stream: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
