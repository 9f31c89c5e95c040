"""The pack of a deposit: written from a bundle's files with constant memory, and read back believing nothing."""

import hashlib
import os
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tagstone.bundle.files import SUMS, parse_checksum_list
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK, packed_paths, refuse_excess, split
from tagstone.domain.publications.archived import Archived
from tagstone.domain.reading.paths import path_problem
from tagstone.errors import Invalid, Permanent, Temporary
from tagstone.image.tar import Kind, TarEntry, ancestors, write_tar
from tagstone.image.untar import Member, read_tar

CHUNK = 2**20
MOST_SUMS = 64 * 2**20
"""Bytes that a list of checksums may have."""

_TIME = 315_532_800  # 1980-01-01: tools warn of times before that
_REMEDY = "Take it again from where the record is kept."


@dataclass(frozen=True)
class Deposited:
    """What is deposited of a bundle: `files`, sorted by path, one of which may be the pack."""

    files: tuple[Archived, ...]
    folder: Path
    pack: Path

    def open(self, path: str) -> BinaryIO:
        """Open one of them by its path."""
        return (self.pack if path == PACK else self.folder / path).open("rb")


def deposited(
    bundle: Sequence[Archived], limits: Limits, folder: Path, pack: Path, known: Sequence[Archived] = ()
) -> Deposited:
    """What is deposited of the bundle in `folder`, its pack written to `pack` where it needs one.

    `known` is what was said when this was asked before: a pack that is still as it was then is not written again.

    Raises:
        Invalid: a deposit cannot hold it.
        Permanent: the bundle's files are not what was recorded.
        Temporary: the disk is in trouble.
    """
    refuse_excess(bundle, limits)
    alone, together = split(bundle, packed_paths(bundle, limits))
    if not together:
        return Deposited(tuple(bundle), folder, pack)
    try:
        packed = _found(pack, alone, known) or _write(together, folder, pack)
    except OSError as error:
        raise Temporary(
            f"{PACK} could not be written: {error.strerror}.", remedy="Look at space and rights of the disk."
        ) from error
    files = tuple(sorted([*alone, packed], key=lambda file: file.path))
    refuse_excess(files, limits)
    return Deposited(files, folder, pack)


def unpack(folder: Path) -> None:
    """Make a downloaded deposit the whole bundle again: what its list names and is not there comes out of the pack.

    What is there already stays as it is. Nothing happens where there is no pack.

    Raises:
        Invalid: the pack or the list is damaged or hostile; what came out before is what the list says.
        Temporary: the folder cannot be written.
    """
    pack = folder / PACK
    if pack.is_symlink() or not pack.is_file():
        return
    try:
        with (folder / SUMS).open("rb") as stream:
            listed = parse_checksum_list(stream.read(MOST_SUMS))
        missing = {path: sha256 for path, sha256 in listed.items() if not os.path.lexists(folder / path)}
        if missing:
            _unpack(folder, pack, listed.keys(), missing)
    except OSError as error:
        raise Temporary(
            f"{PACK} cannot be unpacked: {error.strerror}.", remedy=f"Copy {folder} to where you may write."
        ) from error


def members(stream: BinaryIO) -> Iterator[Member]:
    """The files in a pack, one at a time: no links, no devices, no paths that lead elsewhere. Raises: Invalid."""
    entries = read_tar(stream, complete=True)
    while True:
        with _told():
            member = next(entries, None)
        if member is None:
            return
        if not member.plain or path_problem(member.path) is not None:
            raise _refused(f"{ascii(member.path)[:200]} is no plain file")
        yield member


def hashed(member: Member) -> tuple[str, int]:
    """Checksum (sha256) and size of a file in a pack. Raises: Invalid."""
    with _told():
        node = member.node()
    return node.sha256, node.size


def _found(pack: Path, alone: Sequence[Archived], known: Sequence[Archived]) -> Archived | None:
    """The pack as it was written before, when it is still the same; else None."""
    earlier = next((file for file in known if file.path == PACK), None)
    if earlier is None or [file for file in known if file.path != PACK] != list(alone) or not pack.is_file():
        return None
    with pack.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return earlier if sha256 == earlier.sha256 else None


def _write(files: Sequence[Archived], folder: Path, pack: Path) -> Archived:
    pack.parent.mkdir(parents=True, exist_ok=True)
    partial = pack.with_name(f".{pack.name}.partial")
    with partial.open("wb") as sink:
        both = _Both(sink)
        digest, size = write_tar((_entry(file, folder) for file in sorted(files, key=_name)), both, _TIME)  # type: ignore[arg-type]  # it only writes
        sink.flush()
        os.fsync(sink.fileno())
    partial.replace(pack)
    return Archived(PACK, size, digest.removeprefix("sha256:"), both.md5.hexdigest())


def _name(file: Archived) -> bytes:
    return file.path.encode()


def _entry(file: Archived, folder: Path) -> TarEntry:
    return TarEntry(file.path, Kind.FILE, size=file.size, chunks=lambda: _recorded(file, folder))


def _recorded(file: Archived, folder: Path) -> Iterator[bytes]:
    """A file's bytes. Raises: Permanent when they are not the recorded ones."""
    sha256 = hashlib.sha256()
    with (folder / file.path).open("rb") as stream:
        while piece := stream.read(CHUNK):
            sha256.update(piece)
            yield piece
    if sha256.hexdigest() != file.sha256:
        raise Permanent(
            f"The bundle's {file.path} is not what was recorded.", remedy="`tagstone verify` names every such file."
        )


class _Both:
    """A sink that takes the md5 of what goes through it."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self.md5 = hashlib.md5(usedforsecurity=False)

    def write(self, data: bytes) -> int:
        self.md5.update(data)
        return self._sink.write(data)


def _unpack(folder: Path, pack: Path, listed: Container[str], missing: dict[str, str]) -> None:
    partial = folder / f".{PACK}.partial"
    with pack.open("rb") as stream:
        longest = os.fstat(stream.fileno()).st_size
        try:
            for member in members(stream):
                if member.path not in listed:
                    raise _refused(f"{member.path[:200]!r} is not in {SUMS}")
                if member.path in missing:
                    _take(member, folder, partial, longest, missing[member.path])
        finally:
            partial.unlink(missing_ok=True)


def _take(member: Member, folder: Path, partial: Path, longest: int, sha256: str) -> None:
    """Put one file in its place, unless something is there by now."""
    partial.unlink(missing_ok=True)
    with partial.open("xb") as sink, _told():
        node = member.node(_Bounded(sink, longest))  # type: ignore[arg-type]  # it only writes
    if node.sha256 != sha256:
        raise _refused(f"{member.path[:200]!r} is not as in {SUMS}")
    for name in ancestors(member.path):
        if (folder / name).is_symlink():
            raise _refused(f"{name[:200]!r} is a link here")
        (folder / name).mkdir(exist_ok=True)
    partial.chmod(0o644)
    partial.rename(folder / member.path)


class _Bounded:
    """A sink that takes no more than the pack itself has: what is not compressed cannot have more."""

    def __init__(self, sink: BinaryIO, most: int) -> None:
        self._sink = sink
        self._left = most

    def write(self, data: bytes) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise _refused("it is compressed")
        return self._sink.write(data)


@contextmanager
def _told() -> Iterator[None]:
    """Have errors of the reader name the pack."""
    try:
        yield
    except Invalid as error:
        if error.message.startswith(PACK):
            raise
        raise _refused(error.message.partition(": ")[2].rstrip(".")) from None


def _refused(why: str) -> Invalid:
    return Invalid(f"{PACK} is refused: {why}.", remedy=_REMEDY)
