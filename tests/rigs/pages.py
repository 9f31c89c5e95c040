"""An application for browsers, behind a real server on loopback."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def serving_pages(make: Callable[[str], FastAPI]) -> Iterator[str]:
    """Serve what `make` makes for its own address, which is yielded."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make(url), log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            _until_up(server)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def _until_up(server: uvicorn.Server) -> None:
    for _ in range(200):
        if server.started:
            return
        time.sleep(0.05)
    raise AssertionError("the server did not come up")
