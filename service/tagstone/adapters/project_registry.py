"""The part of a registry that one project has: its image under the project's own path, environments and bases below that."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import BinaryIO

from tagstone.domain.images.oci import Descriptor, ImageReference
from tagstone.ports import Registry


class ProjectRegistry:
    """Images below `path` of a registry. `beside` are the beginnings of names that are kept there; every other is the project's own.

    A service that knows a project's path finds its image there by the digest alone.
    """

    def __init__(self, registry: Registry, path: str, beside: tuple[str, ...]) -> None:
        self._registry = registry
        self._path = path.strip("/").lower()
        self._beside = beside

    def manifest(self, name: str, reference: str) -> bytes:
        """The manifest's bytes for a digest or tag. Raises: NotFound, Permanent when bytes and digest differ."""
        return self._registry.manifest(self._full(name), reference)

    def blob(self, name: str, digest: str) -> BinaryIO:
        """Open a blob; its last read raises Permanent when bytes and digest differ. Raises: NotFound."""
        return self._registry.blob(self._full(name), digest)

    def has_blob(self, name: str, digest: str) -> bool:
        """Say whether the blob is there."""
        return self._registry.has_blob(self._full(name), digest)

    def put_blob(self, name: str, chunks: Iterable[bytes], media_type: str) -> Descriptor:
        """Store a blob from a stream with constant memory."""
        return self._registry.put_blob(self._full(name), chunks, media_type)

    def put_manifest(self, name: str, manifest: bytes, tag: str | None) -> str:
        """Store a manifest and return its digest. Raises: Conflict when `tag` already names another digest."""
        return self._registry.put_manifest(self._full(name), manifest, tag)

    def pullable(self, image: ImageReference) -> AbstractContextManager[str]:
        """A reference by digest that any engine on this machine can pull while the context is open. Raises: NotFound."""
        return self._registry.pullable(ImageReference(self._full(image.name), image.digest))

    def _full(self, name: str) -> str:
        return f"{self._path}/{name}" if name.startswith(self._beside) else self._path
