"""HTTPS to public addresses only: a manifest must not reach what only this machine can reach.

Each address of a chain of redirects is looked at before it is asked, and the connection goes to the very address that was
looked at. Behind a proxy it is the proxy that turns names into addresses: then only names and addresses are judged here,
and what a name leads to is the proxy's business.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import certifi
import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

_REDIRECTS = 5
_EMBEDDING = ipaddress.ip_network("64:ff9b::/96")
_PUBLIC = "Put the file where everybody can fetch it, or into the repository; a site allows hosts in `inputs.private_hosts`."


@dataclass(frozen=True)
class Answer:
    """What a server answered, and the address that answered, which redirects may have led to."""

    url: str
    response: BaseHTTPResponse

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    def header(self, name: str) -> str:
        """A header's value, empty when it is not there."""
        return str(self.response.headers.get(name, ""))


class HttpsClient:
    """Asks; `seconds` of silence are borne, `ca_bundle` (PEM) is trusted beside the usual ones.

    `private_hosts` are names that may resolve to addresses which are not public: tests and sites with a mirror of their own.
    `proxy` is an address such as http://proxy.example.org:3128, with user and password where it wants them.
    """

    def __init__(
        self,
        private_hosts: frozenset[str] = frozenset(),
        ca_bundle: Path | None = None,
        proxy: str | None = None,
        seconds: float = 60.0,
    ) -> None:
        self._private_hosts = private_hosts
        self._timeout = urllib3.Timeout(connect=min(seconds, 20.0), read=seconds)
        self._ca_bundle = ca_bundle
        self._proxy = proxy

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """The answer that redirects lead to, open while the context is; statuses 200, 206 and 416 are let through.

        Raises:
            Forbidden: the address, or one it leads to, is not HTTPS or not public.
            Invalid: it cannot be read.
            NotFound, Permanent, Temporary: what the server answered.
        """
        target = url
        for _ in range(_REDIRECTS + 1):
            with self._ask(target, headers or {}) as answer:
                location = answer.get_redirect_location()
                if not location:
                    _refuse_errors(target, answer)
                    yield Answer(target, answer)
                    return
                target = urljoin(target, location)
        raise Permanent(f"{shown(url)} redirects more than {_REDIRECTS} times.", remedy="Name the last address.")

    def read(self, url: str, limit: int, headers: Mapping[str, str] | None = None) -> tuple[str, bytes]:
        """A short document of at most `limit` bytes, and the address it came from. Raises: as `get`, and Permanent."""
        with self.get(url, headers) as answer:
            try:
                data = answer.response.read(limit + 1, decode_content=True)
            except HTTPError as error:
                raise Temporary(f"{shown(url)} broke off ({type(error).__name__}).") from None
        if len(data) > limit:
            raise Permanent(f"{shown(url)} answered more than {limit} bytes.", remedy="Name the file's own https address.")
        return answer.url, data

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        if self._ca_bundle is not None:
            context.load_verify_locations(self._ca_bundle)
        return context

    @contextmanager
    def _ask(self, url: str, headers: Mapping[str, str]) -> Iterator[BaseHTTPResponse]:
        parts = _parts(url)
        host, port = str(parts.hostname), parts.port or 443
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = host if port == 443 else f"{host}:{port}"
        sent = {"Host": named, "Accept-Encoding": "identity", "User-Agent": "tagstone", **headers}
        with self._connected(host, port) as (pool, prefix):
            try:
                answer = pool.urlopen("GET", prefix + path, headers=sent, redirect=False, preload_content=False, retries=False)
            except HTTPError as error:
                raise _unreachable(host, error) from None
            except UnicodeError:
                raise Invalid("An input's address cannot be read.", remedy="Write https://host/path.") from None
            try:
                yield answer
            finally:
                answer.close()

    @contextmanager
    def _connected(
        self, host: str, port: int
    ) -> Iterator[tuple[urllib3.HTTPSConnectionPool, str] | tuple[urllib3.ProxyManager, str]]:
        """Whom to ask, and what stands before the path: nothing, or through a proxy the host."""
        if self._proxy is None:
            address = self._address(host, port)
            with urllib3.HTTPSConnectionPool(
                address, port, timeout=self._timeout, ssl_context=self._tls, server_hostname=host, assert_hostname=host
            ) as pool:
                yield pool, ""
            return
        if host not in self._private_hosts and not _named_publicly(host):
            raise _private(host)
        at = urlsplit(self._proxy)
        known = f"{unquote(at.username)}:{unquote(at.password or '')}" if at.username else None
        asked = urllib3.make_headers(proxy_basic_auth=known) if known else None
        address = f"{at.scheme}://{at.netloc.rpartition('@')[2]}"
        with urllib3.ProxyManager(address, proxy_headers=asked, timeout=self._timeout, ssl_context=self._tls) as manager:
            yield manager, f"https://{f'[{host}]' if ':' in host else host}:{port}"

    def _address(self, host: str, port: int) -> str:
        """The address to connect to; it is the very one that was looked at, so that a name cannot change in between."""
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError):
            raise Temporary(f"The name {host[:100]} has no address now.") from None
        if host not in self._private_hosts and not all(is_public(address) for address in found):
            raise _private(host)
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


def _named_publicly(host: str) -> bool:
    """Whether a name that a proxy will look up may be a public one: no address that is not, and no name without a dot."""
    try:
        return is_public(host)
    except ValueError:
        pass
    try:
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))  # 127.1, 0x7f.1: spellings that systems know
    except OSError:
        return "." in host.strip(".") and not host.rstrip(".").endswith((".localhost", ".local", ".internal"))


def _private(host: str) -> Forbidden:
    return Forbidden(f"{host[:100]} is not a public address; inputs are only fetched from public ones.", remedy=_PUBLIC)


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
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        return
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise NotFound(f"There is no {shown(url)} ({status}).", remedy="Correct the address in `inputs`.")
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        after = answer.headers.get("Retry-After", "")
        raise Temporary(f"{shown(url)} answered {status}.", delay=float(min(int(after), 3600)) if after.isdigit() else 5.0)
    raise Permanent(f"{shown(url)} answered {status}.", remedy="Open it in a browser without logging in; it has to be public.")


def _unreachable(host: str, error: HTTPError) -> TagstoneError:
    if isinstance(error, urllib3.exceptions.SSLError) or isinstance(getattr(error, "original_error", None), ssl.SSLError):
        return Permanent(f"The certificate of {host} cannot be trusted.", remedy="Check the address; a site's CA is a setting.")
    return Temporary(f"{host} cannot be reached ({type(error).__name__}).")
