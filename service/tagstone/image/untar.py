"""Reads tar streams that others wrote: forward only, in constant memory, and believing nothing."""

import gzip
import hashlib
import io
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from tagstone.errors import Invalid
from tagstone.image.tar import CHUNK, Kind, pieces

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Names, links and attributes of one entry; beyond it a header is an attack on memory.
_HEADER_BYTES = 1 << 20
# The largest images known have some 10^5 entries; each costs memory in an index.
MAX_ENTRIES = 1_000_000
# What a layer may unpack to: real ones stay below 20 bytes for each that is stored, bombs have a thousand and more.
_FREE_BYTES = 128 << 20
_MAX_RATIO = 200
# Other attributes (SELinux labels, overlay's own) are the storage's, not the image's, and differ between engines.
_KEPT_XATTRS = frozenset({"security.capability"})

_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.CONTTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.FIFOTYPE: Kind.FIFO,
}


def refuse(what: str) -> Invalid:
    """The error for an archive that must not be used."""
    return Invalid(f"The image layer is refused: {what}.", remedy="Use an image from a source you trust, or build it anew.")


def clean_path(name: str) -> str:
    """A name in an archive as a relative path without `.` and empty parts; empty for the root itself.

    Raises:
        Invalid: the name is absolute, leaves the tree, or holds a NUL.
    """
    if name == "/":  # how some builders name the root
        return ""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise refuse(f"the path {name[:200]!r} leaves the image")
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Node:
    """What a path is, all but its time. `kind` is never a hard link: linked names are equal nodes. `size` in bytes."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int = 0
    sha256: str = ""
    linkname: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()


IMPLIED_DIRECTORY = Node(Kind.DIRECTORY, 0o755, 0, 0)


class _Forward:
    """A stream that tarfile may believe seekable: it only ever seeks forward."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._at = 0
        self._budget = _HEADER_BYTES
        self.last = b""

    def start_header(self) -> None:
        self._budget = _HEADER_BYTES

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> int:
        if position < self._at:
            raise refuse("its headers overlap")
        for piece in pieces(self._stream, position - self._at):
            self._at += len(piece)
        return self._at

    def read(self, size: int) -> bytes:
        self._budget -= size
        if self._budget < 0:
            raise refuse("a header is larger than 1 MiB")
        self.last = self._stream.read(size)
        self._at += len(self.last)
        return self.last

    def content(self, size: int) -> Iterator[bytes]:
        for piece in pieces(self._stream, size):
            self._at += len(piece)
            yield piece


class Member:
    """One entry while the stream stands at it."""

    def __init__(self, info: tarfile.TarInfo, stream: _Forward) -> None:
        self._info = info
        self._stream = stream
        self.path = clean_path(info.name)
        self.device = info.ischr() or info.isblk()
        self.linked = info.islnk()
        self.plain = info.isreg() and not info.issparse()

    @property
    def time(self) -> float:
        """When it was last changed, as the archive says; in seconds since the epoch."""
        return self._info.mtime

    @property
    def target(self) -> str:
        """The path that a hard link names. Raises: Invalid when it leaves the tree."""
        return clean_path(self._info.linkname)

    def node(self, spool: BinaryIO | None = None) -> Node:
        """What the path is; reads a file's content once, into `spool` when there is one.

        Raises:
            Invalid: it is a device, sparse, damaged, or its owner is no number that a system knows.
        """
        info = self._info
        kind = _KINDS.get(info.type)
        if kind is None or info.issparse():
            raise refuse(f"{self.path[:200]!r} is a device, a sparse file or something unknown")
        if not (0 <= info.uid < 2**32 and 0 <= info.gid < 2**32 and info.size >= 0):
            raise refuse(f"{self.path[:200]!r} has an impossible owner or size")
        mode = 0o777 if kind is Kind.SYMLINK else info.mode & 0o7777
        if kind is Kind.SYMLINK and (not info.linkname or "\0" in info.linkname):
            raise refuse(f"{self.path[:200]!r} links to an impossible name")
        linkname = info.linkname if kind is Kind.SYMLINK else ""
        size, sha256 = self._content(spool) if kind is Kind.FILE else (0, "")
        return Node(kind, mode, info.uid, info.gid, size, sha256, linkname, _xattrs(info))

    def _content(self, spool: BinaryIO | None) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        with _damage():
            for piece in self._stream.content(self._info.size):
                digest.update(piece)
                size += len(piece)
                if spool is not None:
                    spool.write(piece)
        if size != self._info.size:
            raise refuse(f"it ends within {self.path[:200]!r}")
        return size, digest.hexdigest()


def _xattrs(info: tarfile.TarInfo) -> tuple[tuple[str, bytes], ...]:
    found = ((key.removeprefix("SCHILY.xattr."), value) for key, value in info.pax_headers.items())
    return tuple(sorted((key, value.encode("utf-8", "surrogateescape")) for key, value in found if key in _KEPT_XATTRS))


def read_tar(stream: BinaryIO, *, complete: bool) -> Iterator[Member]:
    """The entries of a tar stream (plain, gzip or zstd) in its order; the stream is read to its end.

    With `complete` the archive must have its end mark: a stream without a digest of its own is otherwise not known whole.

    Raises:
        Invalid: it is damaged, cut short, or hostile.
    """
    with _damage():
        plain = _decompressed(stream)
        forward = _Forward(plain)
        archive = tarfile.TarFile(fileobj=cast(BinaryIO, forward), mode="r", encoding="utf-8", errors="surrogateescape")
    count = 0
    while True:
        forward.start_header()
        with _damage():
            info = archive.next()
        if info is None:
            break
        count += 1
        if count > MAX_ENTRIES:
            raise refuse(f"it has more than {MAX_ENTRIES} entries")
        yield Member(info, forward)
        # tarfile keeps every member and every global header; memory must not grow with the archive.
        archive.members.clear()  # type: ignore[attr-defined]  # typeshed leaves `members` out; the documentation names it
        archive.pax_headers = {}
    if forward.last != bytes(tarfile.BLOCKSIZE) and (complete or forward.last):
        raise refuse("it is cut short or damaged")
    with _damage():
        while plain.read(CHUNK):
            pass


class _Filled(io.RawIOBase):
    """Any stream with `read`, as raw input whose reads are short only at the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # io passes any writable buffer
        filled = 0
        while filled < len(view) and (piece := self._stream.read(len(view) - filled)):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        self.count += filled
        return filled


class _Unpacked(io.RawIOBase):
    """An unpacked stream that is refused as soon as it is far larger than what it was packed in."""

    def __init__(self, plain: io.BufferedIOBase, packed: _Filled) -> None:
        self._plain = plain
        self._packed = packed
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        count = self._plain.readinto(buffer)  # type: ignore[arg-type]  # io passes any writable buffer
        self._count += count
        if self._count > _FREE_BYTES + _MAX_RATIO * self._packed.count:
            raise refuse(f"it unpacks to more than {_MAX_RATIO} times its size")
        return count


def _decompressed(stream: BinaryIO) -> BinaryIO:
    packed = _Filled(stream)
    buffered = io.BufferedReader(packed, CHUNK)
    magic = buffered.peek(4)[:4]
    if magic[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=buffered), packed), CHUNK)
    if magic == b"\x28\xb5\x2f\xfd":
        return io.BufferedReader(_Unpacked(zstd.ZstdFile(buffered), packed), CHUNK)
    return buffered


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError, ValueError, OverflowError) as error:
        raise refuse(f"it is damaged ({str(error)[:200]})") from None
