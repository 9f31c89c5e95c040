"""The code at a commit as an archive: owned by root, modes and order fixed, one time."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from tagstone.domain.code.source import EntryKind
from tagstone.errors import Invalid
from tagstone.image.flatten import WHITEOUT
from tagstone.image.tar import Kind, TarEntry, WrittenLayer, ancestors, pieces, sort_key, write_tar
from tagstone.image.untar import Node, clean_path

_LONGEST_LINK = 4095  # Linux's PATH_MAX without its NUL
_LAST_SECOND = 253402300799  # the year 9999, the last that RFC 3339 can write

# Directories above a work directory whose meaning would be lost if they became like any other.
_KNOWN = {
    "tmp": Node(Kind.DIRECTORY, 0o1777, 0, 0),
    "var/tmp": Node(Kind.DIRECTORY, 0o1777, 0, 0),
    "root": Node(Kind.DIRECTORY, 0o700, 0, 0),
}


@dataclass(frozen=True)
class CodeFile:
    """One path of a commit's tree; `content` of a link is its target, of a submodule nothing; `size` in bytes."""

    path: str
    kind: EntryKind
    content: bytes | BinaryIO
    size: int


def code_layer(
    files: Iterable[CodeFile], workdir: str, time: int, out: BinaryIO, above: Mapping[str, Node] | None = None
) -> WrittenLayer:
    """Write the code as a layer that puts it at `workdir` (absolute); `time` in seconds since the epoch.

    `files` come sorted by path bytes and are read one at a time. A layer has to name the directories above its files;
    `above` says what those are in the image (path → node), otherwise they are root's with mode 0755.

    Raises:
        Invalid: a path leaves the tree, touches `.git` or reads as a whiteout; a link, a size or the time is impossible.
    """
    place = clean_path(workdir.lstrip("/"))
    known = {**_KNOWN, **(above or {})}
    return _write(_Tree(place, known, whiteouts=False), files, time, out)


def code_archive(files: Iterable[CodeFile], time: int, out: BinaryIO) -> WrittenLayer:
    """Write the code as an archive with relative paths and no prefix, otherwise as `code_layer` does.

    Raises:
        Invalid: as `code_layer`.
    """
    return _write(_Tree("", {}, whiteouts=True), files, time, out)


def _write(tree: "_Tree", files: Iterable[CodeFile], time: int, out: BinaryIO) -> WrittenLayer:
    if not 0 <= time <= _LAST_SECOND:
        raise Invalid(
            f"The commit's time, {time}, lies outside 1970 to 9999.", remedy="Commit again on a machine whose clock is right."
        )
    digest, size = write_tar(tree.entries(files), out, time)
    return WrittenLayer(digest, size)


@dataclass
class _Tree:
    """The archive under way: which directories it has, and which empty ones (submodules) wait for their place in the order."""

    place: str
    known: Mapping[str, Node]
    whiteouts: bool
    directories: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    waiting: list[tuple[bytes, str]] = field(default_factory=list)

    def entries(self, files: Iterable[CodeFile]) -> Iterator[TarEntry]:
        if self.place:
            yield from self._directories_to(self.place + "/")
        for file in files:
            path = self._path(file.path)
            if file.kind is EntryKind.SUBMODULE:
                heapq.heappush(self.waiting, (sort_key(path, Kind.DIRECTORY), path))
                continue
            yield from self._submodules_before(sort_key(path, Kind.FILE))
            yield from self._directories_to(path)
            if path in self.directories:
                raise _refused(file.path, "it is a file and a folder at once")
            self.others.add(path)
            yield _entry(file, path)
        yield from self._submodules_before(None)

    def _path(self, name: str) -> str:
        parts = name.split("/")
        if "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise _refused(name, "it leaves the repository")
        if any(part.casefold() == ".git" for part in parts):
            raise _refused(name, ".git is Git's own")
        if not self.whiteouts and any(part.startswith(WHITEOUT) for part in parts):
            raise _refused(name, f"in an image a name that starts with {WHITEOUT} removes a file")
        return f"{self.place}/{name}" if self.place else name

    def _submodules_before(self, key: bytes | None) -> Iterator[TarEntry]:
        while self.waiting and (key is None or self.waiting[0][0] < key):
            _, path = heapq.heappop(self.waiting)
            yield from self._directories_to(path + "/")

    def _directories_to(self, path: str) -> Iterator[TarEntry]:
        for directory in ancestors(path):
            if directory in self.others:
                raise _refused(directory, "it is a file and a folder at once")
            if directory not in self.directories:
                self.directories.add(directory)
                node = self.known.get(directory) if len(directory) < len(self.place) else None
                yield TarEntry(directory, Kind.DIRECTORY, *((node.mode, node.uid, node.gid) if node else (0o755, 0, 0)))


def _entry(file: CodeFile, path: str) -> TarEntry:
    if file.kind is EntryKind.SYMLINK:
        target = file.content if isinstance(file.content, bytes) else file.content.read(_LONGEST_LINK + 1)
        if not target or b"\0" in target or len(target) > _LONGEST_LINK:
            raise _refused(file.path, "it links to an impossible name")
        return TarEntry(path, Kind.SYMLINK, 0o777, linkname=target.decode("utf-8", "surrogateescape"))
    mode = 0o755 if file.kind is EntryKind.EXECUTABLE else 0o644
    content = file.content
    if isinstance(content, bytes):
        return TarEntry(path, Kind.FILE, mode, size=file.size, chunks=lambda: (content,))
    return TarEntry(path, Kind.FILE, mode, size=file.size, chunks=lambda: pieces(content, file.size))


def _refused(path: str, why: str) -> Invalid:
    return Invalid(f"The path {path[:200]!r} cannot be archived: {why}.", remedy="Rename or remove it in the repository.")
