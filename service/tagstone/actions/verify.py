"""Re-reading every byte of a bundle, a deposit and an image against the recorded checksums."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tagstone.actions.pack import hashed, members
from tagstone.bundle.files import SUMS, parse_checksum_list
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.images.oci import Image
from tagstone.domain.publications.archived import Archived
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Invalid, NotFound, TagstoneError
from tagstone.ports import DepositFiles, Registry

_CHUNK = 2**20
_LONGEST_LIST = 64 * 2**20
_REMEDY = "Take what is damaged anew from where it is kept: bundle, deposit and image hold the same bytes."


class Finding(StrEnum):
    """What is wrong with a file or blob."""

    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Problem:
    """One thing that is not as recorded; `place` is bundle, deposit or image."""

    place: str
    path: str
    finding: Finding
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.finding}: {self.path!r}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class VerifyReport:
    """What was read and what is wrong; `size` in bytes."""

    files: int = 0
    size: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def intact(self) -> bool:
        """True when every byte is as recorded, nothing is missing and nothing was added."""
        return not self.problems

    def __add__(self, other: "VerifyReport") -> "VerifyReport":
        return VerifyReport(self.files + other.files, self.size + other.size, self.problems + other.problems)

    def as_text(self) -> str:
        """The answer for people: one line, then one for each problem."""
        read = f"{self.files} files, {format_bytes(self.size)} read"
        if self.intact:
            return f"intact: {read}, every checksum is the recorded one"
        told = [f"  {problem}" for problem in self.problems]
        return "\n".join([f"damaged: {len(self.problems)} problems ({read})", *told, f"  → {_REMEDY}"])

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        problems = [{"place": p.place, "path": p.path, "finding": p.finding.value, "detail": p.detail} for p in self.problems]
        return {"result": "intact" if self.intact else "damaged", "files": self.files, "bytes": self.size, "problems": problems}


def verify_bundle(folder: Path, recorded: Sequence[Archived]) -> VerifyReport:
    """Read the bundle in `folder` against what was recorded of it and against its own SHA256SUMS.

    A folder that somebody downloaded, of which nothing is `recorded`, may have the pack beside the files.

    Raises:
        NotFound: there is no such folder.
    """
    if not folder.is_dir():
        raise NotFound(
            f"The bundle {folder.name} is not here.", remedy="Publish again with the same tag, or verify the deposit."
        )
    paths = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    there = {path.relative_to(folder).as_posix() for path in paths}
    links = {path.relative_to(folder).as_posix() for path in paths if path.is_symlink() or not path.is_file()}

    def opened(name: str) -> BinaryIO:
        return (folder / name).open("rb")

    return _verify_files("bundle", there - links, recorded, opened, packed=not recorded) + VerifyReport(
        problems=tuple(Problem("bundle", name, Finding.DIFFERENT, "is no plain file") for name in sorted(links))
    )


def verify_deposit(
    files: DepositFiles, deposit_id: str, recorded: Sequence[Archived], sent: Sequence[Archived] = ()
) -> VerifyReport:
    """Read every file of the deposit against what was recorded of the bundle, and against the deposit's SHA256SUMS.

    `sent` is what was recorded of the deposit, where that is not the bundle file by file.
    """
    there = {file.name for file in files.list(deposit_id)}
    known = {file.path for file in recorded}
    packed = [file for file in sent if file.path not in known]
    return _verify_files(
        "deposit", there, [*recorded, *packed], lambda name: files.open(deposit_id, name), packed=bool(packed or not recorded)
    )


def verify_image(image: Image, registry: Registry) -> VerifyReport:
    """Read manifest, configuration and every layer of the image against their digests."""
    report = _verify_blob(image.digest, lambda: iter([registry.manifest(image.name, image.digest)]))
    for blob in (image.config, *image.layers):
        report += _verify_blob(blob.digest, partial(_blob, registry, image.name, blob.digest))
    return report


def _blob(registry: Registry, name: str, digest: str) -> Iterator[bytes]:
    return _chunks(registry.blob(name, digest))


def _verify_files(
    place: str, there: set[str], recorded: Sequence[Archived], opened: Callable[[str], BinaryIO], *, packed: bool
) -> VerifyReport:
    """Read files against two lists; `packed` lets some of them be in the pack, and missing by themselves."""
    expected, sizes = {file.path: file.sha256 for file in recorded}, {file.path: file.size for file in recorded}
    listed, problems = _listed(place, there, opened)
    if problems and not expected:
        return VerifyReport(problems=tuple(problems))  # without any list nothing can be said of the rest
    pack = _read_pack(place, opened) if packed and PACK in there else _Pack()
    wanted = expected.keys() | listed.keys() | ({SUMS} if listed else set()) | pack.name
    found = there | pack.files.keys()
    problems += [Problem(place, name, Finding.MISSING) for name in sorted(wanted - found)]
    problems += [Problem(place, name, Finding.EXTRA) for name in sorted(found - wanted)]
    report = VerifyReport(problems=(*problems, *pack.problems))
    for name in sorted(found & wanted - (pack.name if pack.problems else frozenset())):
        known = pack.whole if name in pack.name else None if name in there else pack.files[name]
        against = {"recorded": expected.get(name), SUMS: listed.get(name)}
        report += _verify_file(place, name, against, sizes.get(name), opened, known)
    return report


@dataclass(frozen=True)
class _Pack:
    """What a pack holds: checksum (sha256) and size of each file and of the whole; `name` is empty where there is none."""

    name: frozenset[str] = frozenset()
    whole: tuple[str, int] | None = None
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def _read_pack(place: str, opened: Callable[[str], BinaryIO]) -> _Pack:
    found: dict[str, tuple[str, int]] = {}
    try:
        with opened(PACK) as stream:
            hashing = _Hashing(stream)
            for member in members(hashing):  # type: ignore[arg-type]  # it only reads
                found[member.path] = hashed(member)
    except (TagstoneError, OSError) as error:
        finding = Finding.DIFFERENT if isinstance(error, Invalid) else Finding.UNREADABLE
        return _Pack(frozenset({PACK}), None, found, (Problem(place, PACK, finding, str(error)),))
    return _Pack(frozenset({PACK}), (hashing.sha256.hexdigest(), hashing.size), found)


class _Hashing:
    """A stream that takes checksum and size of what is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha256, self.size = hashlib.sha256(), 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.sha256.update(data)
        self.size += len(data)
        return data


def _listed(place: str, there: set[str], opened: Callable[[str], BinaryIO]) -> tuple[dict[str, str], list[Problem]]:
    """What the copy's own list says of it."""
    if SUMS not in there:
        return {}, []
    try:
        with opened(SUMS) as stream:
            return parse_checksum_list(stream.read(_LONGEST_LIST)), []
    except (TagstoneError, OSError) as error:
        return {}, [Problem(place, SUMS, Finding.UNREADABLE, str(error))]


def _verify_file(
    place: str,
    name: str,
    expected: Mapping[str, str | None],
    longest: int | None,
    opened: Callable[[str], BinaryIO],
    known: tuple[str, int] | None,
) -> VerifyReport:
    """Read one file, unless checksum and size are `known` by now."""
    try:
        sha256, size = known or _hashed(_chunks(opened(name)), longest)
    except (TagstoneError, OSError) as error:
        return VerifyReport(1, 0, (Problem(place, name, Finding.UNREADABLE, str(error)),))
    against = [source for source, wanted in expected.items() if wanted is not None and wanted != sha256]
    problems = (Problem(place, name, Finding.DIFFERENT, "not as in " + " and ".join(against)),) if against else ()
    return VerifyReport(1, size, problems)


def _verify_blob(digest: str, chunks: Callable[[], Iterator[bytes]]) -> VerifyReport:
    try:
        sha256, size = _hashed(chunks())
    except NotFound:
        return VerifyReport(1, 0, (Problem("image", digest, Finding.MISSING),))
    except (TagstoneError, OSError) as error:
        return VerifyReport(1, 0, (Problem("image", digest, Finding.DIFFERENT, str(error)),))
    if f"sha256:{sha256}" != digest:
        return VerifyReport(1, size, (Problem("image", digest, Finding.DIFFERENT),))
    return VerifyReport(1, size)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _hashed(chunks: Iterator[bytes], longest: int | None = None) -> tuple[str, int]:
    """Checksum and size; reading ends soon after `longest` bytes, when it is another file anyway."""
    sha256, size = hashlib.sha256(), 0
    for chunk in chunks:
        sha256.update(chunk)
        size += len(chunk)
        if longest is not None and size > longest:
            break
    return sha256.hexdigest(), size
