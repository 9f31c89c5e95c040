"""Software Hash Identifiers of the archived code: what it is called wherever it is kept.

Source: SWHID 1.2 (ISO/IEC 18670:2025), https://www.swhid.org/specification/v1.2/
"""

import hashlib
import io
import tarfile
from collections import defaultdict
from typing import IO, BinaryIO

from swh.model.from_disk import DentryPerms
from swh.model.model import Directory, DirectoryEntry

RESOLVER = "https://archive.softwareheritage.org/"
"""In front of a SWHID: its address, which leads to the code once Software Heritage has it."""

_CHUNK = 2**20
_Folders = dict[bytes, list[DirectoryEntry]]


def directory_swhid(archive: BinaryIO) -> str:
    """The SWHID (`swh:1:dir:…`) of what a code archive unpacks to; read once, in constant memory.

    Git's tree of the same files has the same number, as long as there are no submodules (here: empty folders).
    """
    folders: _Folders = defaultdict(list, {b"": []})
    with tarfile.open(fileobj=archive, mode="r|", encoding="utf-8", errors="surrogateescape") as tar:
        for info in tar:
            path = _bytes(info.name)
            if info.isdir():
                _make(folders, path)
            else:
                above, _, name = path.rpartition(b"/")
                _make(folders, above)
                folders[above].append(_entry(name, info, tar))
            tar.members = []  # type: ignore[attr-defined]  # typeshed leaves it out; memory must not grow with every member
    return _root(folders)


def revision_swhid(commit: str) -> str:
    """The SWHID of a commit (`swh:1:rev:…`); empty where Git counts with SHA-256, for which there is none."""
    return f"swh:1:rev:{commit}" if len(commit) == 40 else ""


def _make(folders: _Folders, path: bytes) -> None:
    while path not in folders:
        folders[path] = []
        path = path.rpartition(b"/")[0]


def _entry(name: bytes, info: tarfile.TarInfo, tar: tarfile.TarFile) -> DirectoryEntry:
    if info.issym():
        target = _bytes(info.linkname)
        return DirectoryEntry(name, "file", _content(io.BytesIO(target), len(target)), DentryPerms.symlink)
    permissions = DentryPerms.executable_content if info.mode & 0o100 else DentryPerms.content
    return DirectoryEntry(name, "file", _content(tar.extractfile(info), info.size), permissions)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _content(stream: IO[bytes] | None, size: int) -> bytes:
    """The number of one content as Git and SWHID count it."""
    number = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while stream is not None and (chunk := stream.read(_CHUNK)):
        number.update(chunk)
    return number.digest()


def _root(folders: _Folders) -> str:
    """The root's SWHID: the deepest folders first, so that each is counted before the one that holds it."""
    for path in sorted(folders, key=lambda path: (-path.count(b"/"), path == b"")):
        directory = Directory(entries=tuple(folders[path]))
        if not path:
            break
        above, _, name = path.rpartition(b"/")
        folders[above].append(DirectoryEntry(name, "dir", directory.id, DentryPerms.directory))
    return str(directory.swhid())
