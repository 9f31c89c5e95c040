"""A registry in memory. It can be told to fail, to lose a reply, and to hold damaged bytes."""

import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tagstone.adapters.oci_blob import damaged, verified
from tagstone.adapters.oci_distribution import loopback
from tagstone.domain.images.oci import Descriptor, ImageReference, check_digest, is_digest, is_name, is_tag
from tagstone.errors import Conflict, Invalid, NotFound, TagstoneError, Temporary
from tagstone.image.documents import Index, digest_of, read_manifest


class FakeRegistry:
    """Implements the Registry port. `calls` counts what was asked, by method."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.tagged: dict[tuple[str, str], str] = {}
        self.calls: dict[str, int] = defaultdict(int)
        self._failing: dict[str, list[TagstoneError]] = defaultdict(list)
        self._losing: dict[str, int] = defaultdict(int)

    def fail(self, method: str, error: TagstoneError) -> None:
        """The next call of `method` fails before it does anything."""
        self._failing[method].append(error)

    def lose_reply(self, method: str) -> None:
        """The next call of `method` does its work, but its answer is lost."""
        self._losing[method] += 1

    def corrupt(self, digest: str) -> None:
        """Change one byte of a blob or manifest that is kept."""
        if digest in self.blobs:
            self.blobs[digest] = changed(self.blobs[digest])
        for key in [key for key in self.manifests if key[1] == digest]:
            self.manifests[key] = changed(self.manifests[key])

    def manifest(self, name: str, reference: str) -> bytes:
        self._begin("manifest", name)
        if not is_digest(reference) and not is_tag(reference):
            raise Invalid(f"{reference!r} is neither a digest nor a tag.", remedy="Write sha256:… or a tag.")
        digest = self.tagged.get((name, reference), reference)
        if (name, digest) not in self.manifests:
            raise NotFound(f"There is no image {name} at {reference}.", remedy="Look again.")
        data = self.manifests[name, digest]
        if digest_of(data) != digest:
            raise damaged(digest)
        return data

    def blob(self, name: str, digest: str) -> BinaryIO:
        self._begin("blob", name)
        if check_digest(digest) not in self.blobs:
            raise NotFound(f"There is no blob {digest}.", remedy="Push it again.")
        return verified(io.BytesIO(self.blobs[digest]), digest, len(self.blobs[digest]))

    def has_blob(self, name: str, digest: str) -> bool:
        self._begin("has_blob", name)
        return check_digest(digest) in self.blobs

    def put_blob(self, name: str, chunks: Iterable[bytes], media_type: str) -> Descriptor:
        self._begin("put_blob", name)
        data = b"".join(chunks)
        self.blobs[digest_of(data)] = data
        self._end("put_blob")
        return Descriptor(media_type, digest_of(data), len(data))

    def put_manifest(self, name: str, manifest: bytes, tag: str | None) -> str:
        self._begin("put_manifest", name)
        if tag is not None and not is_tag(tag):
            raise Invalid(f"{tag!r} is no tag.", remedy="Use another.")
        document, digest = read_manifest(manifest), digest_of(manifest)
        if isinstance(document, Index):
            for part in document.manifests:
                self.manifest(name, part.digest)
        elif any(blob.digest not in self.blobs for blob in (document.config, *document.layers)):
            raise Invalid("The manifest names a blob which is not there.", remedy="Store every blob first.")
        if tag is not None and self.tagged.setdefault((name, tag), digest) != digest:
            raise Conflict(f"{name}:{tag} already names another digest.", remedy="Choose another tag.")
        self.manifests[name, digest] = manifest
        self._end("put_manifest")
        return digest

    @contextmanager
    def pullable(self, image: ImageReference) -> Iterator[str]:
        self.manifest(image.name, image.digest)
        with loopback(self) as host:
            yield f"{host}/{image}"

    def tags(self, name: str) -> list[str]:
        self._begin("tags", name)
        if not any(key[0] == name for key in self.manifests):
            raise NotFound(f"There is no image named {name}.", remedy="Look again.")
        return sorted(tag for owner, tag in self.tagged if owner == name)

    def _begin(self, method: str, name: str) -> None:
        self.calls[method] += 1
        if self._failing[method]:
            raise self._failing[method].pop(0)
        if not is_name(name):
            raise Invalid(f"{name!r} is no image name.", remedy="Use another.")

    def _end(self, method: str) -> None:
        if self._losing[method]:
            self._losing[method] -= 1
            raise Temporary("The answer was lost.")


def changed(data: bytes) -> bytes:
    """One byte changed, so that JSON stays JSON: the first digit of the first digest, else the last byte."""
    at = data.find(b"sha256:") + 7 if b"sha256:" in data else len(data) - 1
    return data[:at] + (b"1" if data[at : at + 1] == b"0" else b"0") + data[at + 1 :]
