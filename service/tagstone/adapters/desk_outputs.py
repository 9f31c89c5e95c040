"""Outputs that pods bring: by parts into files under numbers, then laid out under the names they had, which a stranger chose."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tagstone.adapters.workspace import DEEPEST
from tagstone.domain.runs.brought import Brought
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Conflict, Invalid

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 2**20
_REMEDY = "`tagstone retry` runs it again."


@dataclass
class _Arriving:
    """A file of which so much has arrived, with the checksum up to there."""

    size: int = 0
    checksum: Any = field(default_factory=sha256)


class Incoming:
    """Files on their way in `folder`; together with those in `outputs` not more than `max_files` and `max_bytes`."""

    def __init__(self, folder: Path, outputs: Path, max_files: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._arriving: dict[int, _Arriving] = {}
        # Counted once: after a restart of the service it goes on where it was.
        self._total = sum(_sizes(folder)) + sum(_sizes(outputs))

    def take(self, number: int, offset: int, data: bytes) -> None:
        """Add a part to the file `number`; what was there already is not written again. Raises: Conflict, Invalid."""
        if not 0 <= number < self._max_files:
            raise Invalid(f"There are more than {self._max_files} outputs.", remedy="Name fewer files, or pack them into one.")
        if self._total + len(data) > self._max_bytes:
            raise Invalid(
                f"The outputs have more than {format_bytes(self._max_bytes)} together.",
                remedy="Name fewer files under outputs, or write less.",
            )
        self._folder.mkdir(exist_ok=True)
        arriving = self._at(number)
        if offset > arriving.size:
            raise Conflict(f"Of this output {arriving.size} bytes are here, not {offset}.", remedy=_REMEDY)
        new = data[arriving.size - offset :]
        with self._path(number).open("ab") as file:
            file.truncate(arriving.size)
            file.write(new)
        arriving.checksum.update(new)
        arriving.size += len(new)
        self._total += len(new)

    def arrived(self, brought: Brought) -> Path | None:
        """The whole file of an entry, on the disk; None where nothing of it is here. Raises: Invalid when it has other bytes."""
        path = self._path(brought.number)
        if brought.size == 0:
            self._folder.mkdir(exist_ok=True)
            path.touch()
        if not path.exists():
            return None
        arriving = self._at(brought.number)
        if (arriving.size, arriving.checksum.hexdigest()) != (brought.size, brought.sha256):
            raise Invalid(f"The output {brought.path!r} arrived as other bytes than were announced.", remedy=_REMEDY)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return path

    def other_name(self, number: int) -> Path:
        """A second name for a file that had several."""
        self._folder.mkdir(exist_ok=True)
        return self._folder / f"{number}.again"

    def laid(self, number: int) -> None:
        """Forget a file that has gone where it belongs."""
        self._arriving.pop(number, None)

    def _path(self, number: int) -> Path:
        return self._folder / str(number)

    def _at(self, number: int) -> _Arriving:
        found = self._arriving.get(number)
        if found is None:
            found = self._arriving[number] = _Arriving()
            if self._path(number).exists():
                with self._path(number).open("rb") as file:
                    while piece := file.read(_PIECE):
                        found.checksum.update(piece)
                        found.size += len(piece)
        return found


def lay(root: Path, brought: Brought, incoming: Incoming) -> None:
    """Put an entry below the folder `root` as what it was, so that whoever reads it there finds what was in the workspace.

    Raises:
        Invalid: its path leads elsewhere, or its bytes are not those that were announced.
    """
    *folders, name = _segments(brought.path)
    handle = os.open(root, _FOLDER)
    try:
        for segment in folders:
            inner = _inner(handle, segment, brought.path)
            os.close(handle)
            handle = inner
        _MAKERS[brought.kind](handle, name, brought, incoming)
    finally:
        os.close(handle)


def _segments(path: str) -> list[str]:
    segments = path.split("/")
    if len(segments) > DEEPEST + 1 or any(part in ("", ".", "..") or "\0" in part for part in segments):
        raise Invalid(f"The output {path[:200]!r} cannot be where it says.", remedy="Give it another name.")
    return segments


def _inner(folder: int, name: str, path: str) -> int:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        pass
    except OSError as error:
        raise _refused(path, error) from error
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        raise _refused(path, error) from error


def _file(folder: int, name: str, brought: Brought, incoming: Incoming) -> None:
    path = incoming.arrived(brought)
    if path is None:
        if _size(folder, name) != brought.size:
            raise Invalid(f"The output {brought.path!r} never arrived.", remedy=_REMEDY)
        return  # It was laid before, and the answer got lost.
    try:
        os.rename(path, name, dst_dir_fd=folder)
    except OSError as error:
        raise _refused(brought.path, error) from error
    incoming.laid(brought.number)


def _link(folder: int, name: str, brought: Brought, _incoming: Incoming) -> None:
    # Where it led is nobody's business here; that it is a link is why it is refused.
    _made(brought, lambda: os.symlink("nowhere", name, dir_fd=folder))


def _special(folder: int, name: str, brought: Brought, _incoming: Incoming) -> None:
    _made(brought, lambda: os.mkfifo(name, 0o600, dir_fd=folder))


def _double(folder: int, name: str, brought: Brought, incoming: Incoming) -> None:
    _untaken(folder, name, brought, incoming)
    _made(brought, lambda: os.link(name, incoming.other_name(brought.number), src_dir_fd=folder))


def _untaken(folder: int, name: str, brought: Brought, _incoming: Incoming) -> None:
    """A file of this size without its bytes: it takes no room, and is refused for its size or number."""

    def make() -> None:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            os.ftruncate(handle, brought.size)
        finally:
            os.close(handle)

    _made(brought, make)


def _folder(folder: int, name: str, brought: Brought, _incoming: Incoming) -> None:
    os.close(_inner(folder, name, brought.path))


_MAKERS: dict[str, Callable[[int, str, Brought, Incoming], None]] = {
    "file": _file,
    "link": _link,
    "double": _double,
    "special": _special,
    "untaken": _untaken,
    "near-file": _untaken,
    "near-link": _link,
    "near-folder": _folder,
}


def _made(brought: Brought, make: Callable[[], None]) -> None:
    try:
        make()
    except FileExistsError:
        return  # It was laid before, and the answer got lost.
    except OSError as error:
        raise _refused(brought.path, error) from error


def _size(folder: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
    except FileNotFoundError:
        return None


def _sizes(folder: Path) -> list[int]:
    found = []
    for place, _, names in os.walk(folder):
        found += [os.stat(f"{place}/{name}", follow_symlinks=False).st_blocks * 512 for name in names]
    return found


def _refused(path: str, error: OSError) -> Invalid:
    return Invalid(f"The output {path[:200]!r} cannot be kept here: {error.strerror}.", remedy="Give it another name.")
