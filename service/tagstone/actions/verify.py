"""Re-reading every byte of a bundle, a deposit and an image against the recorded checksums."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tagstone.bundle.files import SUMS, parse_checksum_list
from tagstone.domain.archived import Archived
from tagstone.domain.hardware import format_bytes
from tagstone.domain.oci import Image
from tagstone.errors import NotFound, TagstoneError
from tagstone.ports import DepositFiles, Registry

_CHUNK = 2**20


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
        return "\n".join([f"damaged: {len(self.problems)} problems ({read})", *(f"  {problem}" for problem in self.problems)])

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        problems = [{"place": p.place, "path": p.path, "finding": p.finding.value, "detail": p.detail} for p in self.problems]
        return {"result": "intact" if self.intact else "damaged", "files": self.files, "bytes": self.size, "problems": problems}


def verify_bundle(folder: Path, recorded: Sequence[Archived]) -> VerifyReport:
    """Read the bundle in `folder` against what was recorded of it and against its own SHA256SUMS.

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

    return _verify_files("bundle", there - links, recorded, opened) + VerifyReport(
        problems=tuple(Problem("bundle", name, Finding.DIFFERENT, "is no plain file") for name in sorted(links))
    )


def verify_deposit(files: DepositFiles, deposit_id: str, recorded: Sequence[Archived]) -> VerifyReport:
    """Read every file of the deposit against what was recorded of the bundle, and against the deposit's SHA256SUMS."""
    there = {file.name for file in files.list(deposit_id)}
    return _verify_files("deposit", there, recorded, lambda name: files.open(deposit_id, name))


def verify_image(image: Image, registry: Registry) -> VerifyReport:
    """Read manifest, configuration and every layer of the image against their digests."""
    report = _verify_blob(image.digest, lambda: iter([registry.manifest(image.name, image.digest)]))
    for blob in (image.config, *image.layers):
        report += _verify_blob(blob.digest, partial(_blob, registry, image.name, blob.digest))
    return report


def _blob(registry: Registry, name: str, digest: str) -> Iterator[bytes]:
    return _chunks(registry.blob(name, digest))


def _verify_files(place: str, there: set[str], recorded: Sequence[Archived], opened: Callable[[str], BinaryIO]) -> VerifyReport:
    expected = {file.path: file.sha256 for file in recorded}
    listed, problems = _listed(place, there, opened)
    wanted = expected.keys() | listed.keys() | ({SUMS} if listed else set())
    problems += [Problem(place, name, Finding.MISSING) for name in sorted(wanted - there)]
    problems += [Problem(place, name, Finding.EXTRA) for name in sorted(there - wanted)]
    report = VerifyReport(problems=tuple(problems))
    for name in sorted(there & wanted):
        report += _verify_file(place, name, {"recorded": expected.get(name), SUMS: listed.get(name)}, opened)
    return report


def _listed(place: str, there: set[str], opened: Callable[[str], BinaryIO]) -> tuple[dict[str, str], list[Problem]]:
    """What the copy's own list says of it."""
    if SUMS not in there:
        return {}, []
    try:
        with opened(SUMS) as stream:
            return parse_checksum_list(stream.read()), []
    except (TagstoneError, OSError) as error:
        return {}, [Problem(place, SUMS, Finding.UNREADABLE, str(error))]


def _verify_file(place: str, name: str, expected: Mapping[str, str | None], opened: Callable[[str], BinaryIO]) -> VerifyReport:
    try:
        sha256, size = _hashed(_chunks(opened(name)))
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


def _hashed(chunks: Iterator[bytes]) -> tuple[str, int]:
    sha256, size = hashlib.sha256(), 0
    for chunk in chunks:
        sha256.update(chunk)
        size += len(chunk)
    return sha256.hexdigest(), size
