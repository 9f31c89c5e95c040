"""An HTTP proxy in front of a server on loopback: it counts calls, and loses, cuts, delays or replaces answers when it is told to."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase

_CHUNK = 2**16
_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Fault(Enum):
    """What happens to a call."""

    LOSE = "the server answers, and the answer is lost"
    CUT = "the server answers, and half of the answer's body comes"
    REPLACE = "the server answers, and another answer comes"
    REFUSE = "the server never hears of it"
    STALL = "the server hears half of the body, then the connection breaks"


@dataclass(frozen=True)
class Call:
    """A call that came: its number from 1, what was asked, and how many bytes its body has."""

    number: int
    method: str
    path: str
    size: int


@dataclass(frozen=True)
class Trouble:
    """A fault, with the answer that comes instead where there is one; `delay` in seconds before anything else."""

    fault: Fault | None = None
    status: int = 504
    retry_after: str = ""
    delay: float = 0.0


Choose = Callable[[Call], Trouble | None]


@dataclass
class FaultyProxy:
    """The proxy: its address, the calls that came, and who chooses what goes wrong."""

    url: str
    calls: list[Call] = field(default_factory=list)
    struck: list[Call] = field(default_factory=list)
    _choose: Choose | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def disturb(self, choose: Choose | None) -> None:
        """Let `choose` decide over every call from now on; None: all goes well again. Counting begins anew."""
        with self._lock:
            self._choose = choose
            self.calls.clear()
            self.struck.clear()

    def disturb_once(self, method: str, path: str, trouble: Trouble) -> None:
        """Let one call go wrong: the first with this method whose path matches (a regular expression)."""
        self.disturb(lambda call: trouble if not self.struck and call.method == method and re.search(path, call.path) else None)

    def disturb_number(self, number: int, trouble: Trouble) -> None:
        """Let the call with this number go wrong."""
        self.disturb(lambda call: trouble if call.number == number else None)

    def count(self, method: str, path: str = "") -> int:
        """How many calls there were with this method, their path matching a regular expression."""
        return sum(call.method == method and re.search(path, call.path) is not None for call in self.calls)

    def sent(self, path: str = "") -> int:
        """Bytes of all bodies sent to paths that match."""
        return sum(call.size for call in self.calls if re.search(path, call.path))

    def come(self, method: str, path: str, size: int) -> Trouble | None:
        """Note a call; answer what goes wrong with it."""
        with self._lock:
            call = Call(len(self.calls) + 1, method, path, size)
            self.calls.append(call)
            trouble = self._choose(call) if self._choose else None
            if trouble is not None:
                self.struck.append(call)
            return trouble


@contextmanager
def faulty_proxy(server: str) -> Iterator[FaultyProxy]:
    """A proxy in front of `server` (http://host:port). It names itself where the server's answers name the server."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        proxy = Handler.proxy = FaultyProxy(f"http://127.0.0.1:{listener.server_address[1]}")
        Handler.target = server.removeprefix("http://")
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600
    proxy: FaultyProxy
    target: str

    def forward(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        trouble = self.proxy.come(self.command, self.path, size) or Trouble()
        time.sleep(trouble.delay)
        if trouble.fault is Fault.REFUSE:
            _drain(self.rfile, size)
            self._instead(trouble)
            return
        connection = HTTPConnection(self.target, timeout=600)
        try:
            self._ask(connection, size // 2 if trouble.fault is Fault.STALL else size, size)
            if trouble.fault is Fault.STALL:
                self.close_connection = True
                return
            self._tell(connection.getresponse(), trouble)
        except (OSError, HTTPException):
            self.close_connection = True  # the server is gone: so are we
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = forward  # noqa: N815 - the names are the parent's

    def _ask(self, connection: HTTPConnection, sent: int, announced: int) -> None:
        """Ask the server the same, with the first `sent` of `announced` bytes of the body."""
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP | {"host", "content-length"}:
                connection.putheader(name, value)
        connection.putheader("Host", self.target)
        if announced or self.command in {"POST", "PUT"}:
            connection.putheader("Content-Length", str(announced))
        connection.endheaders()
        left = sent
        while left and (data := self.rfile.read(min(left, _CHUNK))):
            connection.send(data)
            left -= len(data)

    def _tell(self, answer: HTTPResponse, trouble: Trouble) -> None:
        """Hand the answer on, unless something else is to happen to it."""
        if trouble.fault in {Fault.LOSE, Fault.REPLACE}:
            _drain(answer, None)
            if trouble.fault is Fault.REPLACE:
                self._instead(trouble)
            else:
                self.close_connection = True
            return
        body = self._body(answer)
        length = answer.length or 0 if body is None else len(body)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value.replace(self.target, self.proxy.url.removeprefix("http://")))
        self.send_header("Content-Length", str(length) if self.command != "HEAD" else answer.headers["Content-Length"] or "0")
        self.end_headers()
        if trouble.fault is Fault.CUT:
            self.wfile.write((body or b"")[: length // 2])
            self.close_connection = True
        elif body is None:
            while data := answer.read(_CHUNK):
                self.wfile.write(data)
        else:
            self.wfile.write(body)

    def _body(self, answer: HTTPResponse) -> bytes | None:
        """A JSON body, in which we take the server's place; None for all others, which are streamed."""
        if "json" not in answer.headers.get_content_type() or self.path.endswith("/content"):
            return None
        return answer.read().replace(f"http://{self.target}".encode(), self.proxy.url.encode())

    def _instead(self, trouble: Trouble) -> None:
        self.send_response(trouble.status)
        if trouble.retry_after:
            self.send_header("Retry-After", trouble.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the parent's
        """Say nothing."""


def _drain(stream: BufferedIOBase, size: int | None) -> None:
    """Read what comes (`size` bytes, None: to the end) and forget it."""
    left = size
    while data := stream.read(_CHUNK if left is None else min(left, _CHUNK)):
        if left is not None:
            left -= len(data)
