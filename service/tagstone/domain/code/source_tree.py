"""The files of a commit as rules see them: looked up by path, read only when somebody asks."""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tagstone.domain.code.source import EntryKind, SourceEntry

_LONGEST_LINK = 4096
_PLAIN = (EntryKind.FILE, EntryKind.EXECUTABLE)


@dataclass(frozen=True)
class Tree:
    """The files of a commit, and how one is read by its path."""

    entries: Sequence[SourceEntry]
    read: Callable[[str], bytes]

    def file(self, path: str) -> SourceEntry | None:
        """The plain file at `path`, None when there is none (a link or a submodule is none)."""
        return self._plain.get(path)

    def text(self, path: str) -> str | None:
        """The text of the plain file at `path`, None when there is none."""
        return self.read(path).decode("utf-8", "replace") if self.file(path) else None

    def linked(self, path: str) -> str | None:
        """Where the symbolic link at `path` leads within the repository, None when there is no link or it leaves it."""
        entry = self._links.get(path)
        if entry is None or entry.size > _LONGEST_LINK:
            return None
        target = posixpath.join(posixpath.dirname(path), self.read(path).decode("utf-8", "replace"))
        place = posixpath.normpath(target)
        return None if place.startswith(("/", "..")) else place

    def has(self, path: str) -> bool:
        """Say whether there is anything at `path`: a file, a link or a folder."""
        return path in self._places

    @cached_property
    def _links(self) -> dict[str, SourceEntry]:
        return {entry.path: entry for entry in self.entries if entry.kind is EntryKind.SYMLINK}

    @cached_property
    def _places(self) -> frozenset[str]:
        places: set[str] = set()
        for entry in self.entries:
            path = entry.path
            while path and path not in places:
                places.add(path)
                path = path.rpartition("/")[0]
        return frozenset(places)

    @cached_property
    def _plain(self) -> dict[str, SourceEntry]:
        return {entry.path: entry for entry in self.entries if entry.kind in _PLAIN and not entry.lfs}
