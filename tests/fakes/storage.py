"""Storage in memory; it can be told to fail."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

from tagstone.errors import Invalid, NotFound, TagstoneError
from tagstone.ports import Stored


class FakeStorage:
    """Bytes by key in a dictionary. Put an error into `failures` and the next write raises it, leaving nothing."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.failures: list[TagstoneError] = []

    def write(self, key: str, chunks: Iterable[bytes]) -> Stored:
        """Store a stream under `key`."""
        _check(key)
        data = b"".join(chunks)
        if self.failures:
            raise self.failures.pop(0)
        self.content[key] = data
        return Stored(key, len(data), hashlib.sha256(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest())

    def keep(self, chunks: Iterable[bytes]) -> Stored:
        """Store a stream under its own sha256."""
        data = b"".join(chunks)
        digest = hashlib.sha256(data).hexdigest()
        return self.write(f"sha256/{digest[:2]}/{digest}", [data])

    def open(self, key: str) -> BinaryIO:
        """Open for reading."""
        _check(key)
        if key not in self.content:
            raise NotFound(f"Nothing is stored under {key}.", remedy="Store it first.")
        return io.BytesIO(self.content[key])

    def size(self, key: str) -> int | None:
        """Bytes under `key`, or None."""
        _check(key)
        return len(self.content[key]) if key in self.content else None

    def list(self, prefix: str) -> list[str]:
        """Keys below `prefix`, sorted."""
        return sorted(key for key in self.content if not prefix or key == prefix or key.startswith(prefix + "/"))

    def delete(self, prefix: str) -> None:
        """Remove `prefix` and all below it."""
        _check(prefix)
        for key in self.list(prefix):
            del self.content[key]


def _check(key: str) -> None:
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or ".." in parts or "\0" in key or "/".join(parts) != key:
        raise Invalid(f"{key[:100]!r} is no storage key.", remedy="Use a relative path without empty parts, '.' or '..'.")
