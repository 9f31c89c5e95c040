"""Small JSON services on loopback, for what a server under test talks to."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Question:
    """A request: the unquoted parts of its path, its query, and its body as JSON (None: there is none)."""

    method: str
    parts: tuple[str, ...]
    query: dict[str, str]
    body: Any


Answer = tuple[int, Any]
Respond = Callable[[Question], Answer]


@contextmanager
def serving(respond: Respond, content_type: str = "application/json") -> Iterator[int]:
    """Answer with what `respond` returns, one question at a time; yields the port."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            question = _question(self)
            with lock:
                status, body = respond(question)
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one  # noqa: N815 - the names are the parent's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the parent's
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _question(request: BaseHTTPRequestHandler) -> Question:
    address = urlsplit(request.path)
    raw = request.rfile.read(int(request.headers.get("Content-Length") or 0)).strip()
    parts = tuple(unquote(part) for part in address.path.split("/") if part)
    query = dict(parse_qsl(address.query, keep_blank_values=True))
    return Question(request.command, parts, query, json.loads(raw) if raw else None)
