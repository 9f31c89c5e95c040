"""Any OCI distribution registry over HTTP (distribution specification v1.1) as a registry."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlencode

import requests

from tagstone.adapters.oci_blob import damaged, verified
from tagstone.adapters.oci_distribution import loopback
from tagstone.adapters.oci_http import RegistryHttp, reading
from tagstone.domain.images.oci import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
    ImageReference,
    check_digest,
    is_digest,
    is_name,
    is_tag,
)
from tagstone.errors import Conflict, Invalid, NotFound, Permanent
from tagstone.image.documents import Index, digest_of, media_type, read_manifest

_ACCEPT = {"Accept": f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"}


class OciRegistry:
    """Images in the registry at `host` (`HOST[:PORT]`), all below `prefix`.

    `insecure` speaks plain HTTP. `credentials` (user, password or token) are given to the registry's own token service
    and nobody else; without them it is asked anonymously. `timeout` is how many seconds a silent registry is waited for.
    """

    def __init__(
        self,
        session: requests.Session,
        host: str,
        insecure: bool = False,  # noqa: FBT001, FBT002  # said by name wherever it is not a setting's
        prefix: str = "",
        *,
        credentials: tuple[str, str] | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._http = RegistryHttp(session, host, insecure=insecure, credentials=credentials, timeout=timeout)
        self._host = host
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    def check(self) -> None:
        """Ask whether it is a registry that takes the credentials. Raises: Forbidden, NotFound, Temporary, Permanent."""
        self._http.send("GET", f"{self._http.root}/v2/", "")

    def manifest(self, name: str, reference: str) -> bytes:
        """The manifest's bytes for a digest or tag. Raises: NotFound, Permanent when bytes and digest differ."""
        if not is_digest(reference) and not is_tag(reference):
            raise Invalid(f"{reference[:130]!r} is neither a digest nor a tag.", remedy="Write sha256:… or a tag.")
        url = self._url(name, f"manifests/{reference}")
        reply = self._http.send("GET", url, self._scope(name), headers=_ACCEPT)
        expected = reference if is_digest(reference) else reply.headers.get("Docker-Content-Digest", "")
        if is_digest(expected) and digest_of(reply.body) != expected:
            raise damaged(expected)
        return reply.body

    def blob(self, name: str, digest: str) -> BinaryIO:
        """Open a blob; its last read raises Permanent when bytes and digest differ. Raises: NotFound."""
        url = self._url(name, f"blobs/{check_digest(digest)}")
        response = self._http.open("GET", url, self._scope(name))
        length = response.headers.get("Content-Length", "")
        return verified(_Body(response), digest, int(length) if length.isdecimal() else None)

    def has_blob(self, name: str, digest: str) -> bool:
        """Say whether the blob is there."""
        return self._there(self._url(name, f"blobs/{check_digest(digest)}"), name)

    def put_blob(self, name: str, chunks: Iterable[bytes], media_type: str) -> Descriptor:
        """Store a blob from a stream with constant memory, as one streamed upload."""
        scope = self._scope(name, push=True)
        opened = self._http.send("POST", self._url(name, "blobs/uploads/"), scope, expected=(202,))
        counted = _Counted(chunks)
        headers = {"Content-Type": "application/octet-stream"}
        where = self._http.location(opened)
        sent = self._http.send("PATCH", where, scope, expected=(202, 204), body=counted, headers=headers)
        self._finish(self._http.location(sent), counted.digest, scope)
        return Descriptor(media_type, counted.digest, counted.size)

    def mount(self, name: str, digest: str, source: str) -> bool:
        """Take a blob over from another name of this registry without sending it; False when the registry will not."""
        query = urlencode({"mount": check_digest(digest), "from": self._prefix + _checked(source)})
        scope = f"{self._scope(name, push=True)} {self._scope(source)}"
        answer = self._http.send("POST", self._url(name, f"blobs/uploads/?{query}"), scope, expected=(201, 202))
        if answer.status == 202:
            self._http.send("DELETE", self._http.location(answer), scope, expected=(200, 202, 204, 404, 405))
        return answer.status == 201

    def put_manifest(self, name: str, manifest: bytes, tag: str | None) -> str:
        """Store a manifest and return its digest.

        The API has no way to set a tag only where there is none: it is read before and after, so that of two writers at once
        at least one is told.

        Raises:
            Conflict: `tag` already names another digest.
            Invalid: it is no manifest, or names blobs that are not there.
        """
        if tag is not None and not is_tag(tag):
            raise Invalid(f"{tag[:130]!r} is no tag.", remedy="Use letters, digits, dots, dashes and underscores, at most 128.")
        self._check_parts(name, manifest)
        digest = digest_of(manifest)
        if tag is None or not self._tagged(name, tag, digest):
            self._put(name, manifest, tag or digest)
        if tag is not None and not self._tagged(name, tag, digest):
            raise Permanent(f"The registry did not keep {name}:{tag}.", remedy="Ask those who run the registry.")
        return digest

    @contextmanager
    def pullable(self, image: ImageReference) -> Iterator[str]:
        """A reference by digest that any engine on this machine can pull while the context is open. Raises: NotFound.

        Engines pull through us: they need neither our credentials nor a word with the site about plain HTTP.
        """
        self.manifest(image.name, image.digest)
        with loopback(self) as host:
            yield f"{host}/{image}"

    def tags(self, name: str) -> list[str]:
        """Every tag of a name, sorted. Raises: NotFound."""
        found: set[str] = set()
        url: str | None = self._url(name, "tags/list?n=1000")
        while url is not None:
            answer = self._http.send("GET", url, self._scope(name))
            page = {tag for tag in self._http.document(answer).get("tags") or () if isinstance(tag, str) and is_tag(tag)}
            # A registry that gives the same page again would hold us for ever.
            url = self._http.next_page(answer) if page - found else None
            found |= page
        return sorted(found)

    def _put(self, name: str, manifest: bytes, reference: str) -> None:
        url, kind = self._url(name, f"manifests/{reference}"), media_type(manifest)
        scope = self._scope(name, push=True)
        self._http.send("PUT", url, scope, expected=(200, 201, 202), body=manifest, headers={"Content-Type": kind})

    def _finish(self, location: str, digest: str, scope: str) -> None:
        url = location + ("&" if "?" in location else "?") + urlencode({"digest": digest})
        answer = self._http.send("PUT", url, scope, expected=(200, 201, 202, 204))
        said = answer.headers.get("Docker-Content-Digest", digest)
        if said != digest:
            raise damaged(digest)

    def _tagged(self, name: str, tag: str, digest: str) -> bool:
        try:
            there = digest_of(self.manifest(name, tag))
        except NotFound:
            return False
        if there != digest:
            raise Conflict(
                f"{name}:{tag} already names {there}.", remedy="A tag is never moved: choose another, or use what is there."
            )
        return True

    def _check_parts(self, name: str, manifest: bytes) -> None:
        document = read_manifest(manifest)
        if isinstance(document, Index):
            for part in document.manifests:
                self.manifest(name, part.digest)
            return
        missing = [blob.digest for blob in (document.config, *document.layers) if not self.has_blob(name, blob.digest)]
        if missing:
            raise Invalid(
                f"The manifest names {missing[0]}, which is not there.", remedy="Store every blob before its manifest."
            )

    def _there(self, url: str, name: str) -> bool:
        return self._http.send("HEAD", url, self._scope(name), expected=(200, 404)).status == 200

    def _url(self, name: str, rest: str) -> str:
        return f"{self._http.root}/v2/{self._prefix}{_checked(name)}/{rest}"

    def _scope(self, name: str, *, push: bool = False) -> str:
        return f"repository:{self._prefix}{_checked(name)}:{'pull,push' if push else 'pull'}"


class _Counted:
    """Chunks on their way out, counted and digested. An upload is sent once: a stream cannot be read again."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if chunk:  # an empty chunk would end a chunked body
                self._hash.update(chunk)
                self.size += len(chunk)
                yield chunk


class _Body:
    """A response's body as the source of a blob."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response

    def readinto(self, buffer: memoryview, /) -> int:
        with reading():
            data: bytes = self._response.raw.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._response.close()


def _checked(name: str) -> str:
    if not is_name(name):
        raise Invalid(f"{name[:260]!r} is no image name.", remedy="Use lower-case letters, digits, dots, dashes and slashes.")
    return name
