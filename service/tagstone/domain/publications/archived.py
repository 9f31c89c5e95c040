"""A file as it was written to a bundle: what verification compares with for ever after."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Archived:
    """A bundle's file; `size` in bytes, checksums in lower-case hexadecimal."""

    path: str
    size: int
    sha256: str
    md5: str
