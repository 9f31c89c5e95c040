"""A web server of one's own on loopback, over HTTPS: files with ranges and faults, and the part of InvenioRDM that is read.

The API's answers have the shape that InvenioRDM 12 and later give (`GET /api/records/ID`, `GET /api/records/ID/files`,
`GET /api/records/ID/files/NAME/content`); a concept's id answers 302 to its newest version.
"""

import hashlib
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fakes.serving import serving

_PIECE = 65536


@dataclass
class WebFile:
    """A file, and how its server behaves: `breaks` are the bytes after which the next answers break off."""

    data: bytes
    etag: str = '"v1"'
    modified: str = ""
    ranges: bool = True
    breaks: list[int] = field(default_factory=list)
    silent: bool = False  # does not announce its length
    misplaced: bool = False  # answers ranges from another place than asked for
    gate: threading.Event | None = None  # waits here after the first piece


@dataclass
class WebServer:
    """What is served, and what was asked."""

    files: dict[str, WebFile] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    certificate: Path = Path()

    def url(self, path: str) -> str:
        """An address of this server."""
        return f"https://localhost:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """Paths in the order they were asked for."""
        return [path for path, _ in self.asked]

    def add_record(self, doi: str, files: dict[str, bytes], *, concept: str, newest: bool = True) -> None:
        """A published record (its id is what follows the last dot of its DOI) with its files."""
        number, parent = doi.rpartition(".")[2], concept.rpartition(".")[2]
        api = f"/api/records/{number}"
        self.documents[api] = {
            "id": number,
            "pids": {"doi": {"identifier": doi, "provider": "datacite"}},
            "parent": {"id": parent, "pids": {"doi": {"identifier": concept, "provider": "datacite"}}},
            "files": {"enabled": True, "count": len(files)},
            "links": {"files": self.url(f"{api}/files")},
        }
        entries = []
        for name, data in files.items():
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            entries.append({"key": name, "size": len(data), "checksum": f"md5:{md5}", "status": "completed"})
            self.files[f"{api}/files/{name}/content"] = WebFile(data)
        self.documents[f"{api}/files"] = {"enabled": True, "entries": entries}
        self.redirects[f"/doi.org/{doi}"] = self.url(f"/doi/{doi}")
        self.redirects[f"/doi/{doi}"] = self.url(f"/records/{number}")
        self.statuses[f"/records/{number}"] = 200
        if newest:
            self.redirects[f"/api/records/{parent}"] = self.url(api)


@contextmanager
def web_server(folder: Path) -> Iterator[WebServer]:
    """A server with a certificate made for it in `folder`."""
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*line.split(), *more], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    server = WebServer(certificate=folder / "cert")
    with serving(lambda *given: _Handler(server, *given), context) as server.port:
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: WebServer, *given: Any) -> None:
        self._web = server
        super().__init__(*given)

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0])
        self._web.asked.append((path, dict(self.headers)))
        self.close_connection = True
        if path in self._web.redirects:
            self._answer(302, {"Location": self._web.redirects[path]})
        elif path in self._web.statuses:
            self._answer(self._web.statuses[path], {"Retry-After": "7"})
        elif path in self._web.documents:
            self._answer(200, {"Content-Type": "application/json"}, json.dumps(self._web.documents[path]).encode())
        elif path in self._web.files:
            self._file(self._web.files[path])
        else:
            self._answer(404, {})

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self._head(status, headers | {"Content-Length": str(len(body))})
        self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _file(self, file: WebFile) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        agreed = self.headers.get("If-Range") in (file.etag, file.modified)
        start = int(asked[1]) if asked and agreed and file.ranges else 0
        headers = {"Accept-Ranges": "bytes" if file.ranges else "none"}
        headers |= ({"ETag": file.etag} if file.etag else {}) | ({"Last-Modified": file.modified} if file.modified else {})
        if start >= len(file.data) > 0:
            self._answer(416, headers | {"Content-Range": f"bytes */{len(file.data)}"})
            return
        if not file.silent:
            headers["Content-Length"] = str(len(file.data) - start)
        if start:
            told = start + 1 if file.misplaced else start
            headers["Content-Range"] = f"bytes {told}-{len(file.data) - 1}/{len(file.data)}"
        self._head(206 if start else 200, headers)
        end = start + file.breaks.pop(0) if file.breaks else len(file.data)
        for place in range(start, min(end, len(file.data)), _PIECE):
            self.wfile.write(file.data[place : min(place + _PIECE, end)])
            if file.gate is not None:
                self.wfile.flush()
                file.gate.wait(3)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
