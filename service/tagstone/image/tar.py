"""The one canonical tar writer: equal entries give equal bytes, whoever writes them and wherever.

USTAR, with PAX headers only where USTAR cannot say it (long or non-ASCII names, large numbers, extended attributes).
Entries are sorted by the bytes of their name as the archive writes it (a directory ends in `/`), so parents come before
children; all carry one time; owners are numbers, their names empty.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from tagstone.domain.images.oci import LAYER, Descriptor
from tagstone.errors import Invalid

CHUNK = 1 << 20
_BLOCK = 512
_END = bytes(2 * _BLOCK)


class Kind(StrEnum):
    """What a path in an archive is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    FIFO = "fifo"


_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.DIRECTORY: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
    Kind.HARDLINK: tarfile.LNKTYPE,
    Kind.FIFO: tarfile.FIFOTYPE,
}


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One entry: `path` relative, without a trailing slash; `size` in bytes; `chunks` opens a file's content."""

    path: str
    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    linkname: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    chunks: Callable[[], Iterable[bytes]] | None = None


@dataclass(frozen=True)
class WrittenLayer:
    """An uncompressed archive that was written: `digest` of its bytes (so also its diff id), `size` in bytes."""

    digest: str
    size: int

    @property
    def descriptor(self) -> Descriptor:
        """The layer as a manifest names it."""
        return Descriptor(LAYER, self.digest, self.size)


def ancestors(path: str) -> Iterator[str]:
    """The paths above `path`, topmost first, without the root."""
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)


def sort_key(path: str, kind: Kind) -> bytes:
    """The bytes of a name as the archive writes it, by which entries are sorted."""
    name = path + "/" if kind is Kind.DIRECTORY else path
    return name.encode("utf-8", "surrogateescape")


def pieces(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """Up to `size` bytes of a stream in pieces of at most 1 MiB."""
    while size > 0 and (piece := stream.read(min(size, CHUNK))):
        size -= len(piece)
        yield piece


def write_tar(entries: Iterable[TarEntry], out: BinaryIO, mtime: int) -> tuple[str, int]:
    """Write entries that come in canonical order; return the archive's digest and size in bytes.

    `mtime` is in seconds since the epoch. Nothing but one entry and one piece of content is held in memory.

    Raises:
        Invalid: a content is not as long as its entry says.
        ValueError: the entries are not sorted, or one comes twice.
    """
    digest, size, previous = hashlib.sha256(), 0, b""

    def put(data: bytes) -> None:
        digest.update(data)
        out.write(data)

    for entry in entries:
        key = sort_key(entry.path, entry.kind)
        if key <= previous:
            raise ValueError(f"archive entries must be sorted and unique: {entry.path!r}")
        previous = key
        header = _header(entry, mtime)
        put(header)
        size += len(header) + _write_content(entry, put)
    put(_END)
    return "sha256:" + digest.hexdigest(), size + len(_END)


def _header(entry: TarEntry, mtime: int) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.type = _TYPES[entry.kind]
    info.mode, info.uid, info.gid, info.mtime = entry.mode, entry.uid, entry.gid, mtime
    info.size = entry.size if entry.kind is Kind.FILE else 0
    info.linkname = entry.linkname
    info.pax_headers = {
        "SCHILY.xattr." + name: value.decode("utf-8", "surrogateescape") for name, value in sorted(entry.xattrs)
    }
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _write_content(entry: TarEntry, put: Callable[[bytes], None]) -> int:
    if entry.kind is not Kind.FILE:
        return 0
    written = 0
    for piece in entry.chunks() if entry.chunks else ():
        put(piece)
        written += len(piece)
    if written != entry.size:
        raise Invalid(
            f"{entry.path!r} has {written} bytes, not the {entry.size} it was announced with.",
            remedy="Leave the files alone while they are read, and try again.",
        )
    padding = -written % _BLOCK
    put(bytes(padding))
    return written + padding
