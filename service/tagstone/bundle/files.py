"""One file of a bundle: its path, where its bytes are, and their checksum; and the list of all checksums."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from tagstone.domain.reading.paths import path_problem
from tagstone.domain.runs.run import OutputFile
from tagstone.errors import Invalid

SUMS = "SHA256SUMS"


def folder_of(output: OutputFile) -> str:
    """The bundle's folder of an output: those that were made elsewhere have one of their own."""
    return "brought" if output.brought else "outputs"


@dataclass(frozen=True)
class InStorage:
    """Bytes under a Storage key."""

    key: str


@dataclass(frozen=True)
class InRegistry:
    """Bytes of a registry's blob."""

    name: str
    digest: str


@dataclass(frozen=True)
class BundleFile:
    """A file of a bundle; `size` in bytes, `sha256` of what it must hold, `source` the bytes or where they are."""

    path: str
    source: bytes | InStorage | InRegistry
    size: int
    sha256: str

    @property
    def executable(self) -> bool:
        """True for what a person starts."""
        return self.path.endswith(".sh") and isinstance(self.source, bytes)


def written(path: str, data: bytes) -> BundleFile:
    """A file whose bytes are at hand."""
    return BundleFile(path, data, len(data), hashlib.sha256(data).hexdigest())


def written_text(path: str, text: str) -> BundleFile:
    """A file of UTF-8 text.

    Raises:
        Invalid: the text holds what UTF-8 cannot.
    """
    try:
        return written(path, text.encode())
    except UnicodeEncodeError as error:
        raise Invalid(
            f"{path} cannot be written: {text[error.start : error.end]!a} is no character.", remedy="Use UTF-8 throughout."
        ) from None


def check_path(path: str) -> str:
    """Return a path that every file system, checksum tool and terminal takes as it is.

    Raises:
        Invalid: it leaves the folder, or has characters that checksum lists and shells cannot carry.
    """
    problem = path_problem(path)
    if problem:
        raise Invalid(
            f"The output {ascii(path)[:200]} {problem}: it cannot be archived safely.",
            remedy="Write outputs inside the workspace, under plain names in UTF-8.",
        )
    return path


def checksum_list(files: Iterable[BundleFile]) -> bytes:
    """SHA256SUMS: what `sha256sum -c` reads, sorted by path."""
    lines = sorted((file.path, file.sha256) for file in files)
    return "".join(f"{sha256}  {path}\n" for path, sha256 in lines).encode()


def parse_checksum_list(data: bytes) -> dict[str, str]:
    """Paths and sha256 from SHA256SUMS.

    Raises:
        Invalid: a line is no checksum and path.
    """
    found = {}
    lines = data.decode("utf-8", "replace").split("\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        sha256, separator, path = line[:64], line[64:66], line[66:]
        if separator not in ("  ", " *") or not path or any(digit not in "0123456789abcdef" for digit in sha256):
            raise Invalid(f"Line {number} of {SUMS} is no checksum.", remedy="Take the bundle again from where it is kept.")
        found[path] = sha256
    return found
