"""Downloads from a real HTTPS server on loopback, which is only reached because the test allows it by name."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tagstone.adapters.downloads import Downloads, is_public, shown
from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

DATA = bytes(range(256)) * 4096


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/data":
            self._send(200, DATA, {"Content-Length": str(len(DATA))})
        elif path == "/endless":
            self._send(200, b"")
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                self.close_connection = True
        elif path == "/broken":
            self._send(200, DATA[:1000], {"Content-Length": str(len(DATA))})
        elif path.startswith("/to/"):
            self._send(302, b"", {"Location": path.removeprefix("/to/"), "Content-Length": "0"})
        elif path.startswith("/status/"):
            self._send(int(path.removeprefix("/status/")), b"", {"Content-Length": "0", "Retry-After": "7"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Server:
    """A server and the certificate it is trusted by."""

    port: int
    certificate: Path

    def url(self, path: str) -> str:
        """An address of this server."""
        return f"https://localhost:{self.port}{path}"

    def downloads(self, max_bytes: int = 10**8) -> Downloads:
        """Downloads that may reach it."""
        return Downloads(max_bytes, frozenset({"localhost"}), self.certificate, seconds=5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An HTTPS server with a certificate made for it."""
    folder = tmp_path_factory.mktemp("tls")
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*line.split(), *more], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients break off on purpose
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        yield Server(http.server_address[1], folder / "cert")
        http.shutdown()
        thread.join()


def fetched(downloads: Downloads, url: str) -> bytes:
    """All that is at an address."""
    with downloads.fetch(url) as pieces:
        return b"".join(pieces)


def test_a_file_is_fetched(server: Server) -> None:
    assert fetched(server.downloads(), server.url("/data?version=2")) == DATA


def test_redirects_are_followed_but_not_for_ever(server: Server) -> None:
    assert fetched(server.downloads(), server.url("/to//data")) == DATA
    with pytest.raises(Permanent):
        fetched(server.downloads(), server.url("/to/" * 7 + "/data"))


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1/x", "https://169.254.169.254/latest", "http://localhost/x", "file:///etc/passwd"]
)
def test_redirects_to_where_one_must_not_go_are_refused(server: Server, target: str) -> None:
    with pytest.raises(TagstoneError) as caught:
        fetched(server.downloads(), server.url("/to/" + target))
    assert isinstance(caught.value, Forbidden | Invalid)


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (410, NotFound), (403, Permanent), (204, Permanent), (503, Temporary), (429, Temporary)],
)
def test_answers_become_our_errors(server: Server, status: int, error: type[TagstoneError]) -> None:
    with pytest.raises(error) as caught:
        fetched(server.downloads(), server.url(f"/status/{status}?token=secret"))
    assert "secret" not in caught.value.message + caught.value.remedy
    if isinstance(caught.value, Temporary):
        assert caught.value.delay == 7


def test_more_than_allowed_is_refused_announced_or_not(server: Server) -> None:
    for path in ("/data", "/endless"):
        with pytest.raises(Invalid):
            fetched(server.downloads(max_bytes=100_000), server.url(path))


def test_a_file_that_breaks_off_may_be_tried_again(server: Server) -> None:
    with pytest.raises(Temporary):
        fetched(server.downloads(), server.url("/broken"))


def test_a_certificate_that_nobody_vouches_for_is_refused(server: Server) -> None:
    with pytest.raises(Permanent):
        fetched(Downloads(private_hosts=frozenset({"localhost"})), server.url("/data"))


def test_a_server_with_another_name_is_refused(server: Server) -> None:
    with pytest.raises(Permanent):
        fetched(
            Downloads(private_hosts=frozenset({"127.0.0.1"}), ca_bundle=server.certificate),
            f"https://127.0.0.1:{server.port}/data",
        )


def test_loopback_is_refused_unless_it_is_allowed_by_name(server: Server) -> None:
    with pytest.raises(Forbidden):
        fetched(Downloads(ca_bundle=server.certificate), server.url("/data"))


def test_nobody_there_may_be_tried_again() -> None:
    with pytest.raises(Temporary):
        fetched(Downloads(private_hosts=frozenset({"localhost"}), seconds=2), "https://localhost:1/data")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "https://ada:pw@example.org/a",
        "https:///a",
        "https://exa mple.org/",
        "https://[::1",
        "https://x:99999/",
        "ftp://example.org/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://[::ffff:10.0.0.1]/a",
        "https://0x7f000001/a",
        "https://2130706433/a",
        "https://0/a",
        "",
    ],
)
def test_addresses_that_must_not_be_asked_are_refused(url: str) -> None:
    with pytest.raises((Forbidden, Invalid)):
        fetched(Downloads(seconds=1), url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_messages_show_neither_credentials_nor_queries() -> None:
    assert shown("https://ada:pw@example.org:8443/a/b?token=x#y") == "https://example.org/a/b"
