"""A web server on loopback that answers as a test scripts it, over plain HTTP: for clients of APIs that answer anything."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from fakes.serving import serving

_PIECE = b"[" * 65536


@dataclass(frozen=True)
class Reply:
    """One answer: `document` as JSON, else `body`. It is cut off after `cut` bytes, has no end, or never comes (`dead`)."""

    status: int = 200
    document: Any = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    endless: bool = False
    dead: bool = False

    @property
    def content(self) -> bytes:
        """What is sent."""
        return self.body if self.document is None else json.dumps(self.document).encode()


@dataclass(frozen=True)
class Asked:
    """A question as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Answers by method and path; of several the last one stays. What is not scripted is answered with `otherwise`."""

    port: int = 0
    otherwise: Reply = field(default_factory=lambda: Reply(404, {"status": 404, "message": "Not found."}))
    replies: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, method: str, path: str, *replies: Reply) -> None:
        """Answer questions for a path (without its query) with these, one after the other."""
        self.replies[method, path] = list(replies)

    def calls(self, method: str, path: str) -> int:
        """How often something was asked."""
        return sum((one.method, one.path.partition("?")[0]) == (method, path) for one in self.asked)

    def reply(self, asked: Asked) -> Reply:
        """The answer that is next."""
        self.asked.append(asked)
        left = self.replies.get((asked.method, asked.path.partition("?")[0]), [self.otherwise])
        return left.pop(0) if len(left) > 1 else left[0]


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """A server, until the context ends."""
    server = ScriptedServer()
    with serving(lambda *given: _Handler(server, *given)) as server.port:
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: ScriptedServer, *given: Any) -> None:
        self._server = server
        super().__init__(*given)

    def _answer(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        reply = self._server.reply(Asked(self.command, self.path, dict(self.headers), body))
        if reply.dead:
            return
        self.send_response(reply.status)
        self.send_header("Connection", "close")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.endless:
            self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content[: reply.cut])
        with suppress(OSError):
            while reply.endless:
                self.wfile.write(_PIECE)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - named by the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""
