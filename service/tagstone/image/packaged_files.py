"""Which files of a layer packages brought: they are as public as the packages, by the lists that these left."""

import csv
import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, cast

from tagstone.image.tar import Kind
from tagstone.image.untar import read_tar

_DPKG = re.compile(r"var/lib/dpkg/info/[^/]+\.list")
_PYTHON = re.compile(r"(?:(.+)/)?[^/]+\.dist-info/RECORD")
_CONDA = re.compile(r"(?:(.+)/)?conda-meta/[^/]+\.json")
_R = re.compile(r"(.+/(?:library|site-library)/[^/]+)/Meta/package\.rds")
_LIST_BYTES = 64 << 20

# dpkg's own notes; and npm keeps no lists, but nothing else than packages lies there.
_ALWAYS = re.compile(r"var/lib/dpkg/.*|(?:.+/)?node_modules/[^/]+/.*")
# Where people change what a package brought.
_CHANGED = re.compile(r"(?:etc|root|home|run|tmp)/.*")


class PackagedFiles:
    """The files that packages brought into a layer, as their lists say."""

    def __init__(self, layer: BinaryIO) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        for path, data in file_heads(layer, _LIST_BYTES, _is_list):
            self._files.update(_listed(path, data.decode("utf-8", "surrogateescape")))
            if match := _R.fullmatch(path):
                self._folders.add(match[1])

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str) or _CHANGED.fullmatch(path):
            return False
        if path in self._files or _ALWAYS.fullmatch(path):
            return True
        return any(path.startswith(f"{folder}/") for folder in self._folders)


def file_heads(layer: BinaryIO, limit: int, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Path and first `limit` bytes of each plain file of a layer that is wanted; others are passed over unread.

    Raises:
        Invalid: the layer is damaged or hostile.
    """
    for member in read_tar(layer, complete=False):
        if member.device or member.linked or not wanted(member.path):
            continue
        head = _Head(limit)
        if member.node(cast(BinaryIO, head)).kind is Kind.FILE:
            yield member.path, bytes(head.data)


class _Head:
    """Takes what is written, and keeps its beginning."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.data = bytearray()

    def write(self, piece: bytes) -> int:
        self.data += piece[: max(0, self._limit - len(self.data))]
        return len(piece)


def _is_list(path: str) -> bool:
    return any(pattern.fullmatch(path) for pattern in (_DPKG, _PYTHON, _CONDA, _R))


def _listed(path: str, text: str) -> Iterable[str]:
    if _DPKG.fullmatch(path):
        return _debian(text)
    if match := _PYTHON.fullmatch(path):
        return _below(match[1] or "", _first_cells(text))
    if match := _CONDA.fullmatch(path):
        return _below(match[1] or "", _conda(text))
    return ()


def _debian(text: str) -> Iterator[str]:
    for line in text.splitlines():
        path = line.strip("/")
        yield path
        # Packages still name /lib and /bin, which lie below /usr now.
        yield f"usr/{path}"


def _first_cells(text: str) -> Iterator[str]:
    try:
        yield from (row[0] for row in csv.reader(text.splitlines()) if row)
    except csv.Error:
        return


def _conda(text: str) -> Iterator[str]:
    try:
        files = json.loads(text).get("files", [])
    except (ValueError, AttributeError, RecursionError):
        return
    yield from (file for file in files if isinstance(file, str))


def _below(folder: str, files: Iterable[str]) -> Iterator[str]:
    return (posixpath.normpath(posixpath.join("/", folder, file)).lstrip("/") for file in files)
