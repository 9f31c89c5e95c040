"""Storage in a folder. A write goes to a temporary name, is synced, then renamed: it is whole or not there."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tagstone.errors import Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.ports import Stored

_INCOMING = ".incoming"


class FolderStorage:
    """Bytes by key below one folder; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, key: str, chunks: Iterable[bytes]) -> Stored:
        """Store a stream under `key`, replacing what was there. Raises: Invalid, Temporary (disk full)."""
        target = self._path(key)
        with _disk_errors(key), self._incoming() as incoming:
            size, sha256, md5 = _copy(chunks, incoming)
            _rename(incoming, target)
        return Stored(key, size, sha256, md5)

    def keep(self, chunks: Iterable[bytes]) -> Stored:
        """Store a stream under its own sha256; equal bytes are stored once. Raises: Temporary (disk full)."""
        with _disk_errors("sha256/…"), self._incoming() as incoming:
            size, sha256, md5 = _copy(chunks, incoming)
            key = f"sha256/{sha256[:2]}/{sha256}"
            target = self._path(key)
            if not (target.is_file() and target.stat().st_size == size):
                _rename(incoming, target)
        return Stored(key, size, sha256, md5)

    def open(self, key: str) -> BinaryIO:
        """Open for reading (seekable). Raises: NotFound, Invalid."""
        path = self._path(key)
        try:
            return path.open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound(
                f"Nothing is stored under {key}.", remedy="It was deleted, or never finished; run the step again."
            ) from None
        except OSError as error:
            raise _told(key, error) from error

    def size(self, key: str) -> int | None:
        """Bytes under `key`, or None when there is nothing. Raises: Invalid."""
        path = self._path(key)
        try:
            return path.stat().st_size if path.is_file() else None
        except FileNotFoundError:
            return None

    def list(self, prefix: str) -> list[str]:
        """Keys below `prefix` (a key or folder; empty: all), sorted. Raises: Invalid."""
        top = self._path(prefix) if prefix else self._root
        if top.is_file():
            return [prefix]
        keys = ((Path(folder) / name).relative_to(self._root).as_posix() for folder, _, names in os.walk(top) for name in names)
        return sorted(key for key in keys if not key.startswith(f"{_INCOMING}/"))

    def delete(self, prefix: str) -> None:
        """Remove `prefix` and all below it; nothing there is no error. Raises: Invalid."""
        path = self._path(prefix)
        with _disk_errors(prefix):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        clean = "/".join(parts) == key and not key.startswith("/") and ".." not in parts and "\0" not in key
        if not clean or not parts or parts[0] == _INCOMING:
            raise Invalid(f"{key[:100]!r} is no storage key.", remedy="Use a relative path without empty parts, '.' or '..'.")
        return self._root / key

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        folder = self._root / _INCOMING
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def _copy(chunks: Iterable[bytes], target: Path) -> tuple[int, str, str]:
    size, sha256, md5 = 0, hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with target.open("wb", buffering=2**20) as out:
        for chunk in chunks:
            size += len(chunk)
            sha256.update(chunk)
            md5.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return size, sha256.hexdigest(), md5.hexdigest()


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _disk_errors(key: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _told(key, error) from error


def _told(key: str, error: OSError) -> TagstoneError:
    what = f"Storage failed at {key}: {error.strerror}."
    if isinstance(error, (NotADirectoryError, IsADirectoryError, PermissionError)):
        return Permanent(what, remedy="Look at the owner and the contents of Tagstone's storage folder.")
    return Temporary(what, remedy="Look at the disk: is it full? It is tried again by itself.", delay=30)
