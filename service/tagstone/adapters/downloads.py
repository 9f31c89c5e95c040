"""Downloads over HTTPS from public addresses only: a manifest must not reach what only this machine can reach."""

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

import certifi
import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

_PIECE = 2**18
_REDIRECTS = 5
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")


class Downloads:
    """Fetches files; `max_bytes` each, `seconds` of silence are borne, `ca_bundle` (PEM) is trusted beside the usual ones.

    `private_hosts` are names that may resolve to addresses which are not public: tests and sites with a mirror of their own.
    """

    def __init__(
        self,
        max_bytes: int = 50 * 10**9,
        private_hosts: frozenset[str] = frozenset(),
        ca_bundle: Path | None = None,
        seconds: float = 60.0,
    ) -> None:
        self._max_bytes = max_bytes
        self._private_hosts = private_hosts
        self._timeout = urllib3.Timeout(connect=min(seconds, 20.0), read=seconds)
        self._tls = ssl.create_default_context()
        self._tls.load_verify_locations(certifi.where())
        if ca_bundle is not None:
            self._tls.load_verify_locations(ca_bundle)

    @contextmanager
    def fetch(self, url: str) -> Iterator[Iterator[bytes]]:
        """The file at `url`, as pieces while the context is open.

        Raises:
            Forbidden: the address, or one it leads to, is not HTTPS or not public.
            NotFound, Permanent, Temporary: what the server answered.
            Invalid: the file is larger than allowed.
        """
        with self._answer(url) as answer:
            announced = answer.headers.get("Content-Length", "")
            if announced.isdigit() and int(announced) > self._max_bytes:
                raise _too_large(url, self._max_bytes)
            yield self._pieces(url, answer)

    def _pieces(self, url: str, answer: BaseHTTPResponse) -> Iterator[bytes]:
        size = 0
        try:
            for piece in answer.stream(_PIECE, decode_content=False):
                size += len(piece)
                if size > self._max_bytes:
                    raise _too_large(url, self._max_bytes)
                yield piece
        except HTTPError as error:
            raise Temporary(f"{shown(url)} broke off after {size} bytes ({type(error).__name__}).") from None

    @contextmanager
    def _answer(self, url: str) -> Iterator[BaseHTTPResponse]:
        """The answer that has the file, behind any redirects; each one's address is looked at before it is asked."""
        target = url
        for _ in range(_REDIRECTS + 1):
            with self._ask(target) as answer:
                location = answer.get_redirect_location()
                if not location:
                    _refuse_errors(target, answer)
                    yield answer
                    return
                target = urljoin(target, location)
        raise Permanent(
            f"{shown(url)} redirects more than {_REDIRECTS} times.", remedy="Name the last address in the manifest."
        )

    @contextmanager
    def _ask(self, url: str) -> Iterator[BaseHTTPResponse]:
        parts = _parts(url)
        host = str(parts.hostname)
        port = parts.port or 443
        address = self._address(host, port)
        pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=self._timeout,
            retries=False,
            ssl_context=self._tls,
            server_hostname=host,
            assert_hostname=host,
        )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = host if port == 443 else f"{host}:{port}"
        headers = {"Host": named, "Accept-Encoding": "identity", "User-Agent": "tagstone"}
        with pool:
            try:
                answer = pool.urlopen("GET", path, headers=headers, redirect=False, preload_content=False)
            except HTTPError as error:
                raise _unreachable(host, error) from None
            try:
                yield answer
            finally:
                answer.close()

    def _address(self, host: str, port: int) -> str:
        """The address to connect to; it is the very one that was looked at, so that a name cannot change in between."""
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError):
            raise Temporary(f"The name {host[:100]} has no address now.") from None
        if host not in self._private_hosts and not all(is_public(address) for address in found):
            raise Forbidden(
                f"{host[:100]} is not a public address; inputs are only fetched from public ones.",
                remedy="Put the file where everybody can fetch it, or into the repository.",
            )
        return found[0]


def is_public(address: str) -> bool:
    """Whether an address is reachable by everybody: none of this machine, its network, or wrapped around such a one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _EMBEDDING else None)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def shown(url: str) -> str:
    """An address for messages: without credentials and query, which may be secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"[:300]


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or re.search(r"[\x00-\x20\x7f]", url):
        raise Invalid("An input's address cannot be read.", remedy="Write https://host/path.")
    if parts.scheme != "https" or parts.username is not None:
        raise Forbidden(
            f"{shown(url)} is not plain HTTPS.", remedy="Name an address that begins with https:// and has no user name."
        )
    return parts


def _refuse_errors(url: str, answer: BaseHTTPResponse) -> None:
    status = answer.status
    if status == HTTPStatus.OK:
        return
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise NotFound(f"There is no {shown(url)} ({status}).", remedy="Correct the address in `inputs`.")
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = answer.headers.get("Retry-After", "")
        raise Temporary(f"{shown(url)} answered {status}.", delay=float(min(int(after), 3600)) if after.isdigit() else 5.0)
    raise Permanent(f"{shown(url)} answered {status}.", remedy="Open it in a browser without logging in; it has to be public.")


def _too_large(url: str, limit: int) -> Invalid:
    return Invalid(f"{shown(url)} is larger than {limit} bytes.", remedy="Ask those who run this site for a higher limit.")


def _unreachable(host: str, error: HTTPError) -> TagstoneError:
    if isinstance(error, urllib3.exceptions.SSLError):
        return Permanent(f"The certificate of {host} cannot be trusted.", remedy="Check the address; a site's CA is a setting.")
    return Temporary(f"{host} cannot be reached ({type(error).__name__}).")
