"""A forge of one commit: the code as its archive holds it, for building anew when the repository is gone."""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tagstone.domain.code.source import Commit, EntryKind, ProjectIdentity, SourceEntry
from tagstone.domain.publications.record import SourceFacts
from tagstone.errors import Invalid, NotFound
from tagstone.image.tar import Kind, sort_key
from tagstone.image.untar import Node, read_tar

_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_BYTES = range(100, 1024)


class ArchivedCode:
    """Reads `archive` (tar) once into `spool`, an empty file open for reading and writing; objects have the ids that Git gives them.

    Raises:
        Invalid: the archive is damaged, or holds what no commit can hold.
    """

    def __init__(self, source: SourceFacts, archive: BinaryIO, spool: BinaryIO) -> None:
        self._source = source
        self._spool = spool
        self._reading = threading.Lock()
        self._contents: dict[str, tuple[int, int]] = {}
        # A repository whose ids are sha256 throughout has commits of 64 digits.
        self._algorithm = "sha256" if len(source.commit.sha) == 64 else "sha1"
        self._entries = self._read_archive(archive)

    def identify(self, location: str) -> ProjectIdentity:
        """The project that was recorded, wherever it is asked for."""
        _ = location
        return self._source.project

    def resolve(self, location: str, ref: str) -> Commit:
        """The commit that was recorded. Raises: NotFound for any other."""
        _ = location
        commit = self._source.commit
        if ref.removeprefix("refs/tags/") not in (commit.ref, commit.sha):
            raise NotFound(f"The archive holds {commit.ref}, not {ref[:100]!r}.", remedy="Ask for what was recorded.")
        return commit

    def snapshot(self, location: str) -> Commit:
        """The commit that was recorded: an archive has no other state."""
        _ = location
        return self._source.commit

    def entries(self, location: str, commit: Commit) -> list[SourceEntry]:
        """Every path of the commit's tree, sorted by path bytes. Raises: NotFound for another commit."""
        self.resolve(location, commit.sha)
        return list(self._entries)

    def read(self, location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        """The content of each object, in order. Raises: NotFound."""
        _ = location
        for object_id in object_ids:
            if object_id not in self._contents:
                raise NotFound(f"The archive has no object {object_id[:80]!r}.", remedy="Take an id from its entries.")
            yield self._content(object_id)

    def _content(self, object_id: str) -> bytes:
        offset, size = self._contents[object_id]
        with self._reading:
            self._spool.seek(offset)
            return self._spool.read(size)

    def _read_archive(self, archive: BinaryIO) -> list[SourceEntry]:
        found: dict[str, SourceEntry] = {}
        folders: set[str] = set()
        for member in read_tar(archive, complete=True):
            offset = self._spool.seek(0, 2)
            if member.device or member.linked:
                raise Invalid(f"{member.path[:200]!r} is no file of a commit.", remedy="Fetch the bundle again.")
            node = member.node(self._spool)
            if node.kind is Kind.DIRECTORY:
                folders.add(member.path)
            else:
                found[member.path] = self._entry(member.path, node, offset)
        above = {path[:at] for path in (*found, *folders) for at, character in enumerate(path) if character == "/"}
        for path in folders - above - {""}:  # an empty folder stands where a submodule was
            found[path] = SourceEntry(path, EntryKind.SUBMODULE, "", 0)
        return sorted(found.values(), key=lambda entry: sort_key(entry.path, Kind.FILE))

    def _entry(self, path: str, node: Node, offset: int) -> SourceEntry:
        if node.kind is Kind.SYMLINK:
            target = node.linkname.encode("utf-8", "surrogateescape")
            offset = self._spool.seek(0, 2)
            self._spool.write(target)
            return SourceEntry(path, EntryKind.SYMLINK, self._keep(offset, len(target)), len(target))
        kind = EntryKind.EXECUTABLE if node.mode & 0o100 else EntryKind.FILE
        object_id = self._keep(offset, node.size)
        pointer = kind is EntryKind.FILE and node.size in _POINTER_BYTES and self._content(object_id).startswith(_POINTER)
        return SourceEntry(path, kind, object_id, node.size, lfs=pointer)

    def _keep(self, offset: int, size: int) -> str:
        """Git's id of what the spool has at `offset`: the recipe's key was made with it."""
        digest = hashlib.new(self._algorithm, b"blob %d\0" % size, usedforsecurity=False)
        self._spool.seek(offset)
        left = size
        while left and (piece := self._spool.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
        self._contents[digest.hexdigest()] = (offset, size)
        return digest.hexdigest()
