"""How registries are spoken to over HTTP: tokens, redirects, and their troubles in our words."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from tagstone.errors import Forbidden, NotFound, Permanent, TagstoneError, Temporary

_REDIRECTS = 5
_TOKEN_BYTES = 64 << 10
_DOCUMENT_BYTES = 4 << 20
_LONGEST_DELAY = 3600.0
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')


Body = bytes | Iterable[bytes] | None


@dataclass(frozen=True)
class Reply:
    """An answer that was read; `url` is the address it came from."""

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes


class RegistryHttp:
    """Requests to one registry. Credentials and tokens go to the registry and its token service only."""

    def __init__(
        self, session: requests.Session, host: str, *, insecure: bool, credentials: tuple[str, str] | None, timeout: float
    ) -> None:
        self.root = f"{'http' if insecure else 'https'}://{host}"
        self._session = session
        self._host = host
        self._insecure = insecure
        self._credentials = credentials
        self._timeout = timeout
        self._authorization: dict[str, str] = {}

    def send(
        self,
        method: str,
        url: str,
        scope: str,
        *,
        expected: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> Reply:
        """Send a request with a token for `scope` and read its answer, up to 4 MiB; returns only an `expected` status.

        Raises:
            NotFound, Forbidden, Temporary (with the delay that the registry asks for), Permanent: by its status.
        """
        with self.open(method, url, scope, expected=expected, headers=headers, body=body) as response:
            return _reply(response)

    def open(
        self,
        method: str,
        url: str,
        scope: str,
        *,
        expected: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> requests.Response:
        """As `send`, with the answer's body still to be read; the caller closes it."""
        response = self._follow(method, url, scope, headers or {}, body)
        challenge = response.headers.get("WWW-Authenticate", "")
        if response.status_code == 401 and challenge:
            response.close()
            self._authorise(challenge, scope)
            if body is not None and not isinstance(body, bytes):
                # Some of the stream is gone; the next try begins with a fresh one, and with the token.
                raise Temporary("The registry's token ran out during an upload.", delay=1.0)
            response = self._follow(method, url, scope, headers or {}, body)
        if response.status_code in expected:
            return response
        with response:
            raise self._trouble(_reply(response))

    def location(self, reply: Reply) -> str:
        """Where an upload goes on. Raises: Permanent when the registry does not say, or names an address without TLS."""
        said = reply.headers.get("Location")
        if not said:
            raise self._no_registry("it does not say where an upload goes on")
        url = urljoin(reply.url, said)
        if not self._insecure and url.startswith(f"http://{self._host}/"):
            return url.replace("http", "https", 1)  # behind a proxy that ends TLS, registries do not know better
        self._check_scheme(url)
        return url

    def next_page(self, reply: Reply) -> str | None:
        """The address of a list's next page, on this registry only."""
        links = requests.utils.parse_header_links(reply.headers.get("Link", ""))
        said = next((link["url"] for link in links if link.get("rel") == "next"), None)
        url = urljoin(reply.url, said) if said else None
        return url if url and self._is_own(url) else None

    def document(self, reply: Reply) -> dict[str, Any]:
        """A JSON object. Raises: Permanent."""
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._no_registry("its answer is no JSON object")
        return document

    def _no_registry(self, why: str) -> Permanent:
        return Permanent(f"{self._host} does not answer as a registry: {why}.", remedy="Check the registry's address.")

    def _check_scheme(self, url: str) -> None:
        if urlsplit(url).scheme != "https" and not self._insecure:
            raise Permanent(f"{self._host} leads to an address without TLS.", remedy="Use a registry that keeps to https.")

    def _follow(self, method: str, url: str, scope: str, headers: Mapping[str, str], body: Body) -> requests.Response:
        for _ in range(_REDIRECTS + 1):
            token = self._authorization.get(scope) if self._is_own(url) else None
            response = self._once(method, url, headers, body, token)
            if response.status_code not in (301, 302, 303, 307, 308) or method not in ("GET", "HEAD"):
                return response
            url = urljoin(url, response.headers.get("Location", ""))
            response.close()
            self._check_scheme(url)
        raise self._no_registry("it redirects without end")

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body, token: str | None) -> requests.Response:
        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # Given even without a token: requests would otherwise look into ~/.netrc by itself.
            request.headers.pop("Authorization", None)
            if token is not None:
                request.headers["Authorization"] = token
            return request

        known = {"Accept-Encoding": "identity", **headers}
        with reading():
            return self._session.request(
                method, url, headers=known, data=body, auth=sign, stream=True, allow_redirects=False, timeout=self._timeout
            )

    def _is_own(self, url: str) -> bool:
        return url.startswith(self.root + "/")

    def _authorise(self, challenge: str, scope: str) -> None:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            authorization = self._basic()
        elif kind.lower() == "bearer":
            authorization = "Bearer " + self._token(dict(_PARAMETER.findall(rest)), scope)
        else:
            raise Forbidden(
                f"{self._host} wants a login of an unknown kind.", remedy="Use a registry with tokens or passwords."
            )
        self._authorization[scope] = authorization

    def _basic(self) -> str:
        if self._credentials is None:
            raise Forbidden(f"{self._host} wants a login.", remedy="Give Tagstone a user and password for this registry.")
        return "Basic " + base64.b64encode(":".join(self._credentials).encode()).decode()

    def _token(self, challenge: Mapping[str, str], scope: str) -> str:
        realm = challenge.get("realm", "")
        self._check_scheme(realm)
        query = [("scope", one) for one in scope.split()]
        if "service" in challenge:
            query.append(("service", challenge["service"]))
        basic = self._basic() if self._credentials else None
        with reading():
            address = requests.Request("GET", realm, params=query).prepare().url
        with self._once("GET", str(address), {}, None, basic) as response:
            reply = _reply(response)
        if reply.status != 200:
            raise self._trouble(reply)
        document = self.document(reply)
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or len(token) > _TOKEN_BYTES:
            raise Forbidden(f"{self._host} gives no token.", remedy="Check user and password for this registry.")
        return token

    def _trouble(self, reply: Reply) -> TagstoneError:
        """The error for an unexpected status. No address in it: an upload's holds a secret."""
        status, said = reply.status, _message(reply)
        if status == 404:
            return NotFound(f"{self._host} does not have it{said}.", remedy="Look at the name and the tag or digest again.")
        if status in (401, 403):
            return Forbidden(f"{self._host} refuses{said}.", remedy="Check user, password and rights for this registry.")
        if status == 429 or status >= 500:
            return Temporary(f"{self._host} answers {status}{said}.", delay=_delay(reply))
        return Permanent(f"{self._host} answers {status}{said}.", remedy="Ask those who run the registry, with this answer.")


def _reply(response: requests.Response) -> Reply:
    with reading():
        return Reply(response.status_code, response.headers, response.url, response.raw.read(_DOCUMENT_BYTES))


def _message(reply: Reply) -> str:
    try:
        errors = json.loads(reply.body)["errors"]
        text = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors[:3])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return " (" + "".join(c for c in text if c.isprintable())[:300] + ")"


def _delay(reply: Reply) -> float:
    """Retry-After in seconds: a number, or a date against the answer's own."""
    said = reply.headers.get("Retry-After", "")
    if said.isdecimal():
        return min(max(float(said), 1.0), _LONGEST_DELAY)
    try:
        wait = parsedate_to_datetime(said) - parsedate_to_datetime(reply.headers["Date"])
    except (ValueError, TypeError, KeyError):
        return 5.0
    return min(max(wait.total_seconds(), 1.0), _LONGEST_DELAY)


@contextmanager
def reading() -> Iterator[None]:
    """Turn the network's troubles into Temporary."""
    try:
        yield
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise Permanent("The registry names an impossible address.", remedy="Check the registry's address.") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # Only the kind: the text may hold an address with a token in it.
        raise Temporary(f"The registry does not answer ({type(error).__name__}).") from None
