"""A proxy on loopback that knows CONNECT, and connects to one port whatever it is asked for."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connect_proxy(target: int) -> Iterator[tuple[int, list[str]]]:
    """The proxy's port, and what it was asked: `CONNECT host:port credentials`."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        ended = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, target, asked, ended))
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            ended.set()
            thread.join()


def _serve(server: socket.socket, target: int, asked: list[str], ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            client, _ = server.accept()
        except TimeoutError:
            continue
        with client, socket.create_connection(("127.0.0.1", target)) as outside:
            client.settimeout(5)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            lines = head.decode().split("\r\n")
            known = next((line.partition(": ")[2] for line in lines if line.lower().startswith("proxy-authorization")), "")
            asked.append(f"{lines[0].rpartition(' HTTP/')[0]} {known}")
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(outside, client))
            back.start()
            _pump(client, outside)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return
