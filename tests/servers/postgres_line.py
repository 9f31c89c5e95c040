"""The line to a PostgreSQL, which can break: a Unix socket in front of the server's own."""

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

_PIECE = 65536
_NAME = ".s.PGSQL.5432"


@dataclass
class Line:
    """Where the database seems to be; `lose_commits` is how many answers to a COMMIT are lost after the server has committed."""

    url: str
    lose_commits: int = 0
    _server: str = ""
    _own: str = ""
    _listener: socket.socket | None = None
    _open: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def down(self) -> None:
        """Nobody answers any more, and all connections are cut."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            Path(self._own).unlink()
        for end in self._open:
            _cut(end)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._open.clear()

    def up(self) -> None:
        """The database is there again."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self._own)
        Path(self._own).chmod(0o777)
        self._listener.listen(64)
        self._begin(self._accept, self._listener)

    def _begin(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._open += [client, server]
            lost = threading.Event()
            self._begin(self._to_server, client, server, lost)
            self._begin(self._to_client, server, client, lost)

    def _to_server(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        for piece in _pieces(client):
            if b"COMMIT" in piece and self.lose_commits > 0:
                self.lose_commits -= 1
                lost.set()
            if not _sent(server, piece):
                break
        _cut(server)

    def _to_client(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        for piece in _pieces(server):
            if lost.is_set() or not _sent(client, piece):
                break
        _cut(client)
        _cut(server)


@contextmanager
def breakable(url: str) -> Iterator[Line]:
    """A line to the database at this address, a server of `scripts/with-postgres`, until the context ends."""
    parts = make_url(url)
    with tempfile.TemporaryDirectory() as folder:
        own = parts.set(query={"host": folder}).render_as_string(hide_password=False)
        line = Line(own, _server=f"{parts.query['host']}/{_NAME}", _own=f"{folder}/{_NAME}")
        line.up()
        try:
            yield line
        finally:
            line.down()


def _pieces(end: socket.socket) -> Iterator[bytes]:
    """What comes, until nothing does."""
    with contextlib.suppress(OSError):
        while piece := end.recv(_PIECE):
            yield piece


def _sent(end: socket.socket, piece: bytes) -> bool:
    try:
        end.sendall(piece)
    except OSError:
        return False
    return True


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
