"""Serving the desk from a thread of the process that works. Processes of one home share it: one listens, the others stand by."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from tagstone.adapters.desk import Desk
from tagstone.desk.app import create_app
from tagstone.errors import Conflict

_PATIENCE = 3  # seconds for answers under way
_AGAIN = 1.0  # seconds between two tries for an address that somebody has
_LOOK = 0.05
_BACKLOG = 1024  # pods that may come at the same moment


@contextmanager
def serving(desk: Desk, host: str, port: int) -> Iterator[None]:
    """Answer pods while the context is open; where another process has the address, as soon as that ends.

    Raises:
        Conflict: nobody can listen there.
    """
    ended, ready = threading.Event(), threading.Event()
    listener = _listener(host, port)
    thread = threading.Thread(target=_serve, args=(desk, host, port, listener, ended, ready), name="desk")
    thread.start()
    try:
        if listener is not None:
            ready.wait()
        yield
    finally:
        ended.set()
        thread.join()


def _serve(
    desk: Desk, host: str, port: int, listener: socket.socket | None, ended: threading.Event, ready: threading.Event
) -> None:
    while listener is None:
        if ended.wait(_AGAIN):
            return
        listener = _listener(host, port)
    with listener:
        config = uvicorn.Config(
            create_app(desk), server_header=False, access_log=False, lifespan="off", ws="none", log_level="warning",
            timeout_graceful_shutdown=_PATIENCE,
        )  # fmt: skip
        server = uvicorn.Server(config)
        threading.Thread(target=_look_after, args=(server, ended, ready), name="desk-end", daemon=True).start()
        try:
            server.run([listener])
        finally:
            ready.set()


def _look_after(server: uvicorn.Server, ended: threading.Event, ready: threading.Event) -> None:
    """Say when it answers, and end it when it is time."""
    while not server.started and not ended.wait(_LOOK):
        continue
    ready.set()
    ended.wait()
    server.should_exit = True


def _listener(host: str, port: int) -> socket.socket | None:
    """A socket that listens there; None where somebody else does. Raises: Conflict."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        raise Conflict(
            f"The desk cannot listen at {host}, port {port}: {error.strerror}.",
            remedy="Set TAGSTONE_DESK__HOST to an address of this machine that pods reach.",
        ) from None
    # Connections inherit it. Without it an answer of several parts waits 40 ms for the other side's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
