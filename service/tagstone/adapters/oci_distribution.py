"""The read-only half of the OCI distribution API (v1.1) as a function over the Registry port, and a loopback server of it."""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, Protocol, runtime_checkable

from tagstone.adapters.oci_blob import CHUNK, size_of
from tagstone.domain.images.oci import is_digest, is_name, is_tag
from tagstone.errors import Invalid, NotFound, TagstoneError, Temporary
from tagstone.image.documents import digest_of, media_type
from tagstone.ports import Registry

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<what>manifests|blobs|tags)/(?P<reference>[^/]+)")
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")
_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")


@runtime_checkable
class Tagged(Protocol):
    """A registry that can list what it has."""

    def tags(self, name: str) -> list[str]:
        """Every tag of a name, sorted. Raises: NotFound."""
        ...


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `body` must be exhausted or closed."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()


def answer(registry: Registry, method: str, path: str, range_header: str | None = None) -> Answer:
    """Answer one request of the distribution API; whatever would write is 405. `path` may carry a query, which is ignored."""
    if method not in ("GET", "HEAD"):
        return _error(405, "UNSUPPORTED", "This registry is read-only.", {"Allow": "GET, HEAD"})
    try:
        found = _route(registry, path.partition("?")[0], range_header)
    except TagstoneError as error:
        found = _trouble(error)
    if method == "HEAD":
        _close(found.body)
        return Answer(found.status, found.headers)
    return found


def _route(registry: Registry, path: str, range_header: str | None) -> Answer:
    if path in ("/v2", "/v2/"):
        return _json(200, {})
    match = _PATH.fullmatch(path)
    if match is None or not is_name(match["name"]):
        return _error(404, "NAME_UNKNOWN", "There is nothing of that name.")
    name, what, reference = match["name"], match["what"], match["reference"]
    if what == "manifests" and (is_digest(reference) or is_tag(reference)):
        return _manifest(registry, name, reference)
    if what == "blobs" and is_digest(reference):
        return _blob(registry, name, reference, range_header)
    if what == "tags" and reference == "list" and isinstance(registry, Tagged):
        return _json(200, {"name": name, "tags": registry.tags(name)})
    return _error(404, "UNSUPPORTED", "There is nothing of that kind.")


def _manifest(registry: Registry, name: str, reference: str) -> Answer:
    try:
        data = registry.manifest(name, reference)
    except NotFound as error:
        return _error(404, "MANIFEST_UNKNOWN", error.message)
    headers = {"Content-Type": media_type(data), "Content-Length": str(len(data)), "Docker-Content-Digest": digest_of(data)}
    return Answer(200, dict([_VERSION]) | headers, [data])


def _blob(registry: Registry, name: str, digest: str, range_header: str | None) -> Answer:
    try:
        stream = registry.blob(name, digest)
    except NotFound as error:
        return _error(404, "BLOB_UNKNOWN", error.message)
    size = size_of(stream)
    headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest, **dict([_VERSION])}
    if size is None:
        return Answer(200, headers, _Pieces(stream, 0, None))
    headers["Accept-Ranges"] = "bytes"
    match = _RANGE.fullmatch(range_header or "")
    if match is None:
        return Answer(200, headers | {"Content-Length": str(size)}, _Pieces(stream, 0, size))
    first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if first > last:
        stream.close()
        return _error(416, "RANGE_INVALID", "The blob is not that long.", {"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Length": str(last - first + 1), "Content-Range": f"bytes {first}-{last}/{size}"}
    return Answer(206, headers, _Pieces(stream, first, last + 1))


class _Pieces:
    """The bytes of a blob from `start` to `end`; can be closed before it was begun, which a generator cannot."""

    def __init__(self, stream: BinaryIO, start: int, end: int | None) -> None:
        self._stream, self._start, self._end, self._at = stream, start, end, 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while self._end is None or self._at < self._end:
            piece = self._stream.read(CHUNK if self._end is None else min(CHUNK, self._end - self._at))
            if not piece:
                break
            skip = max(0, self._start - self._at)
            self._at += len(piece)
            if skip < len(piece):
                return piece[skip:]
        self.close()
        raise StopIteration

    def close(self) -> None:
        self._stream.close()


def _close(body: Iterable[bytes]) -> None:
    if isinstance(body, _Pieces):
        body.close()


def _trouble(error: TagstoneError) -> Answer:
    if isinstance(error, NotFound):
        return _error(404, "NAME_UNKNOWN", error.message)
    if isinstance(error, Invalid):
        return _error(400, "NAME_INVALID", error.message)
    if isinstance(error, Temporary):
        return _error(503, "UNAVAILABLE", error.message, {"Retry-After": str(max(1, round(error.delay)))})
    return _error(500, "UNKNOWN", error.message)


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return _json(status, {"errors": [{"code": code, "message": message}]}, headers)


def _json(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps(document).encode()
    known = {"Content-Type": "application/json", "Content-Length": str(len(body)), **dict([_VERSION])}
    return Answer(status, known | dict(headers or {}), [body])


@contextmanager
def loopback(registry: Registry) -> Iterator[str]:
    """Serve `registry` read-only on a free port of 127.0.0.1 while the context is open; yields `127.0.0.1:PORT`."""
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    registry: Registry

    def _answer(self) -> None:
        reply = answer(self.registry, self.command, self.path, self.headers.get("Range"))
        self.send_response(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        # A body that nobody reads would be taken for the next request; without a length only closing ends the answer.
        self.close_connection |= self.command not in ("GET", "HEAD") or "Content-Length" not in reply.headers
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        try:
            for piece in reply.body:
                self.wfile.write(piece)
        except (TagstoneError, OSError):
            # The client sees an answer that is too short; there is no other way to tell it by now.
            self.close_connection = True
        finally:
            _close(reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the parent's
        """Stay silent: the caller tells what matters."""
