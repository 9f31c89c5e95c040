"""A blob while it is read: its digest is computed from the bytes, and a wrong one is told before the last of them is out."""

import hashlib
import io
from contextlib import suppress
from typing import BinaryIO, Protocol

from tagstone.errors import Permanent, Temporary

CHUNK = 1 << 20


class Source(Protocol):
    """Where a blob's bytes come from; what it raises is one of our errors, or an OSError."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read at most as many bytes as `buffer` has, and say how many; 0 at the end."""
        ...

    def close(self) -> None:
        """Let go of file or connection."""
        ...


class VerifiedBlob(io.RawIOBase):
    """A raw stream over `source`; `size` in bytes where it is known."""

    def __init__(self, source: Source, digest: str, size: int | None) -> None:
        self.size = size
        self._source = source
        self._digest = digest
        self._hash = hashlib.sha256()
        self._read = 0

    def readable(self) -> bool:
        """A blob can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read into `buffer`. Raises: Permanent when this read is the last and the digest is another."""
        view = memoryview(buffer)  # type: ignore[arg-type]  # io passes any writable buffer
        try:
            count = self._source.readinto(view) or 0
        except OSError as error:
            raise Temporary(f"{self._digest} could not be read: {error.strerror or error}.") from None
        self._hash.update(view[:count])
        self._read += count
        if (count == 0 and view) or self._read == self.size:
            self._verify()
        return count

    def _verify(self) -> None:
        if "sha256:" + self._hash.hexdigest() != self._digest:
            raise damaged(self._digest)

    def close(self) -> None:
        """Close the source too."""
        if not self.closed:
            with suppress(OSError):
                self._source.close()
        super().close()


def verified(source: Source, digest: str, size: int | None) -> BinaryIO:
    """A buffered stream that verifies itself."""
    return io.BufferedReader(VerifiedBlob(source, digest, size), CHUNK)


def size_of(stream: BinaryIO) -> int | None:
    """The bytes that a freshly opened blob has, where that can be known without reading it."""
    raw = getattr(stream, "raw", None)
    if isinstance(raw, VerifiedBlob):
        return raw.size
    if not stream.seekable():
        return None
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size


def damaged(digest: str) -> Permanent:
    """The error for bytes that are not those their digest names."""
    return Permanent(
        f"The bytes of {digest} are not its own.", remedy="The registry is damaged: restore it, or push the image again."
    )
