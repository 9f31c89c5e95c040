"""An HTTP server on loopback in a thread of its own, while a context is open."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(handler: Callable[..., BaseHTTPRequestHandler], encrypted: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve with `handler`, encrypted where a context is given; yields the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        if encrypted is not None:
            http.socket = encrypted.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        http.daemon_threads = True
        http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients break off on purpose
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield http.server_address[1]
        finally:
            http.shutdown()
            thread.join()
