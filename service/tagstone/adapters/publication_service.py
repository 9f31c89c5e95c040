"""A Tagstone service as its clients see it: publications handed in and looked at through `/api/v1`.

The token goes to that service only: no redirect is followed, and nothing of it is in any error.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3

from tagstone.domain.publications.outside_view import OutsideView
from tagstone.domain.publications.publication import State
from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

_BYTES = 1 << 20
_LONGEST_DELAY = 60.0
_TEXT = 2000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS: Mapping[int, type[TagstoneError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
}


class PublicationService:
    """The service at `url`, spoken to with a bearer `token`; `silence` is how many seconds it may say nothing.

    Raises:
        Invalid: `url` is no address that a token may be sent to.
    """

    def __init__(self, session: requests.Session, url: str, token: str, *, silence: float = 30.0) -> None:
        self._root = _root(url)
        self._session = session
        self._silence = silence
        self._bearer = _Bearer(token)

    def hand_in(self, image: str | None, manifest: str | None, *, rehearsal: bool) -> OutsideView:
        """Ask for the publication that the token speaks of; asked again it is the same one.

        Raises: Invalid, Forbidden, Conflict, NotFound, Away, Temporary, Permanent.
        """
        asked = {"image": image, "manifest": manifest, "rehearsal": rehearsal}
        said = self._ask("POST", "/api/v1/publications", asked)
        return _view({**said, "id": said.get("publication")}, self._root)

    def look(self, publication: str) -> OutsideView:
        """How a publication stands. Raises: Forbidden, NotFound, Away, Temporary, Permanent."""
        return _view(self._ask("GET", f"/api/v1/publications/{quote(publication, safe='')}"), self._root)

    def _ask(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        with (
            _reaching(),
            self._session.request(
                method,
                self._root + path,
                json=document,
                auth=self._bearer,
                headers={"Accept": "application/json"},
                timeout=self._silence,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            said = _document(response)
            if response.status_code in (200, 201, 202) and said is not None:
                return said
            raise _trouble(response, said or {})


class _Bearer(requests.auth.AuthBase):
    """Puts the token into a request; a name and password from a user's .netrc would otherwise take its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _root(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = not (parts.username or parts.query or parts.fragment) and not re.search(r"[\x00-\x20\x7f]", url)
    if not host or not plain or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise Invalid(
            "The address of the Tagstone service cannot be used.", remedy="Write https://HOST in the input `service`."
        )
    return url.rstrip("/")


def _document(response: requests.Response) -> dict[str, Any] | None:
    """A JSON object of at most 1 MiB; None where the answer is none."""
    body = b""
    # Only a read that finds nothing more tells an answer that is whole from one that was cut off.
    while len(body) <= _BYTES and (piece := response.raw.read(_BYTES + 1, decode_content=False)):
        body += piece
    try:
        said = json.loads(body) if len(body) <= _BYTES else None
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _view(said: Mapping[str, Any], root: str) -> OutsideView:
    names = ("step", "waiting", "error", "remedy", "doi", "concept_doi", "record", "image")
    texts = {name: _text(said.get(name)) for name in names}
    which = said.get("id")
    try:
        state = State(str(said.get("state")))
    except ValueError:
        state = None
    if state is None or not isinstance(which, str) or not _ID.fullmatch(which):
        raise _not_understood()
    address = _text(said.get("url")) or f"{root}/publications/{which}"
    return OutsideView(which, state, address, **texts)


def _not_understood() -> Permanent:
    remedy = "Look whether the input `service` is the address of a Tagstone service, of the template's own version."
    return Permanent("The service's answer cannot be understood.", remedy=remedy)


def _text(value: object) -> str | None:
    return " ".join(value.split())[:_TEXT] or None if isinstance(value, str) else None


def _trouble(response: requests.Response, said: Mapping[str, Any]) -> TagstoneError:
    status = response.status_code
    title = _text(said.get("title")) or f"The service answered {status}."
    detail = _text(said.get("detail"))
    if status in (408, 425, 429, 502, 503, 504):
        after = response.headers.get("Retry-After", "")
        delay = min(max(float(after), 1.0), _LONGEST_DELAY) if after.isdecimal() else 5.0
        return Away(title, remedy=detail or "It is tried again by itself.", delay=delay)
    if status >= 500:
        return Temporary(title, remedy=detail or "It is tried again by itself.")
    if status < 400:
        return _not_understood()
    kind = _KINDS.get(status, Permanent)
    return kind(title, remedy=detail or "Look whether the input `service` is the address of a Tagstone service.")


@contextmanager
def _reaching() -> Iterator[None]:
    """The network's troubles in our words; only their kind, since their text may hold what was sent."""
    try:
        yield
    except requests.exceptions.SSLError:
        raise Permanent(
            "The service's certificate cannot be trusted.", remedy="Let REQUESTS_CA_BUNDLE name a file with its CA."
        ) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Away(f"The service cannot be reached ({type(error).__name__}).") from None
