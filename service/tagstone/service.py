"""The whole service in one process: pages with the API, the receiver of hooks, and a worker; or some of them, where others run apart."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from tagstone.asgi import create_app
from tagstone.bootstrap import Application
from tagstone.errors import Conflict, Permanent
from tagstone.worker import run_worker
from tagstone_webhooks.app import create_app as create_receiver
from tagstone_webhooks.receive import Receiver

_PATIENCE = 3  # seconds for answers under way; pages that follow a publication would hold the end up for ever
_LOOK = 0.05
_HOOKS = "/hooks/"


PARTS = ("pages", "receiver", "worker")
"""What a service is made of."""


class _Together:
    """Pages and receiver at one address: hooks deliver below `/hooks/`."""

    def __init__(self, pages: ASGIApp, hooks: ASGIApp) -> None:
        self._pages = pages
        self._hooks = hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hooks = scope["type"] == "http" and scope["path"].startswith(_HOOKS)
        await (self._hooks if hooks else self._pages)(scope, receive, send)


def serve(application: Application, parts: Collection[str] = PARTS) -> None:
    """Serve until a signal ends it; what one part cannot do without ends all. The receiver takes part where the site has forges.

    Raises:
        Conflict: somebody else listens at the address.
        Permanent: the pages or the receiver ended by themselves.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listening = _apps(application, parts)
    with ExitStack() as stack:
        for (host, port), app in listening.items():
            stack.enter_context(_listening(app, host, port, stop))
        if "worker" in parts:
            run_worker(application, drain=False, stop=stop)
        else:
            stop.wait()


def _apps(application: Application, parts: Collection[str]) -> dict[tuple[str, int], ASGIApp]:
    """What is to be served, by host and port."""
    serving, receiving = application.settings.serving, application.settings.receiving
    here = serving.host, serving.port
    pages = create_app(application) if "pages" in parts else None
    if "receiver" not in parts or not application.settings.forges:
        return {here: pages} if pages is not None else {}
    hooks = _receiver(application)
    if receiving.port is not None:
        found: dict[tuple[str, int], ASGIApp] = {(receiving.host, receiving.port): hooks}
        return found if pages is None else {here: pages, **found}
    return {here: hooks if pages is None else _Together(pages, hooks)}


def _receiver(application: Application) -> Starlette:
    vault = application.forges.vault_of_hooks
    return create_receiver(Receiver(application.sessions, application.queue, vault, application.clock))


@contextmanager
def _listening(app: ASGIApp, host: str, port: int, stop: threading.Event) -> Iterator[None]:
    """Answer in a thread while the context is open; where that ends by itself, all is told to stop."""
    with _socket(host, port) as listener:
        config = uvicorn.Config(app, server_header=False, log_level="warning", timeout_graceful_shutdown=_PATIENCE)
        server = uvicorn.Server(config)

        def run() -> None:
            try:
                server.run([listener])
            finally:
                stop.set()

        thread = threading.Thread(target=run, name=f"port-{port}")
        thread.start()
        try:
            while not server.started and thread.is_alive():
                thread.join(_LOOK)
            yield
            if not server.should_exit and not thread.is_alive():
                raise Permanent(f"What listened at port {port} has ended.", remedy="The lines above say why.")
        finally:
            server.should_exit = True
            thread.join()


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Conflict(
            f"Nobody can listen at {host}, port {port}: {error.strerror}.",
            remedy="End what listens there, or set TAGSTONE_SERVING__PORT or TAGSTONE_RECEIVING__PORT.",
        ) from None
    # Connections inherit it. Without it an answer of several parts waits 40 ms for the other side's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
