"""The code at a commit, from the forge into archives and layers."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tagstone.domain.code.source import Commit, EntryKind, SourceEntry
from tagstone.image.code import CodeFile, code_archive
from tagstone.ports import Forge, Storage, Stored

_CHUNK = 2**20


def keep_archive(
    forge: Forge, storage: Storage, location: str, commit: Commit, entries: Sequence[SourceEntry], scratch: Path
) -> Stored:
    """Keep the commit's tree as a tar under its own checksum: equal commits, equal bytes."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=scratch) as file:
        code_archive(code_files(forge, location, entries), commit.time, file)
        file.seek(0)
        return storage.keep(iter(lambda: file.read(_CHUNK), b""))


def code_files(forge: Forge, location: str, entries: Sequence[SourceEntry]) -> Iterator[CodeFile]:
    """The files of a tree as archives and layers take them, one in memory at a time."""
    with_content = [entry for entry in entries if entry.kind is not EntryKind.SUBMODULE]
    contents = forge.read(location, (entry.object_id for entry in with_content))
    for entry in entries:
        content = b"" if entry.kind is EntryKind.SUBMODULE else next(contents)
        yield CodeFile(entry.path, entry.kind, content, len(content))
