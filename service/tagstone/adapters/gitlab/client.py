"""GitLabs by their names in the settings, and the session through which python-gitlab speaks to one of them."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from requests.adapters import HTTPAdapter

from tagstone import __version__
from tagstone.adapters.gitlab.answers import JsonObject, refusal, strange
from tagstone.adapters.site_token import site_token
from tagstone.errors import Away, Forbidden, NotFound, Permanent, TagstoneError, Temporary

TokenOf = Callable[[str, int], str | None]
"""The token that a project (of this forge, with this number) lends us; None: the site's own is used."""


def no_token(_forge: str, _number: int) -> str | None:
    """What projects lend where they lend nothing."""
    return None


def nobody_asks(_name: str) -> None:
    """Who hears of uses where nobody does."""


_CONNECTIONS = 32  # kept open at most: as many as a worker has threads, and some
_ANSWER_BYTES = 16 * 2**20
_ANSWER_SECONDS = 120.0
_PIECE = 64 * 2**10
_CONNECTING = 20.0
_REDIRECTS = 3
_PAGES = 1000
_PER_PAGE = 100  # GitLab gives no more
_TROUBLES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
)


@dataclass(frozen=True)
class GitlabSite:
    """A GitLab at `url`; `token` (or what is in `token_file`) is the site's own, or with `job` a CI job's (CI_JOB_TOKEN).

    `silence` in seconds ends a call.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    job: bool = False
    site_ca: Path | None = None
    silence: float = 30.0

    @property
    def root(self) -> str:
        """Its address without a slash at the end."""
        return self.url.rstrip("/")

    def own_token(self) -> str | None:
        """The site's own token. Raises: Forbidden when its file cannot be read."""
        return site_token(self.token, self.token_file)


class GitlabSites:
    """The GitLabs of `sites`, by their configured names, each with one pool of connections.

    `used` hears the name of a site whenever its own token is used.
    """

    def __init__(self, sites: Mapping[str, GitlabSite], used: Callable[[str], None] = nobody_asks) -> None:
        self._sites = sites
        self._used = used
        self._lock = threading.Lock()
        self._sessions: dict[str, GuardedSession] = {}

    def site(self, forge: str) -> GitlabSite:
        """A site by its name. Raises: NotFound."""
        if forge not in self._sites:
            known = ", ".join(sorted(self._sites)) or "none"
            raise NotFound(
                f"This site has no forge {forge[:100]!r}.", remedy=f"It has {known}; `forges` in the settings names them."
            )
        return self._sites[forge]

    def token(self, forge: str, given: str | None = None) -> str | None:
        """The token to use: what is given, else the site's own. Raises: NotFound, Forbidden for what is no token."""
        token = given or self.site(forge).own_token()
        if token is not None and not given:
            self._used(forge)
        if token is not None and (not token.isascii() or not token.isprintable() or not token or " " in token):
            raise Forbidden("The forge's token is no token.", remedy="Set it anew, without quotes, spaces and line breaks.")
        return token

    def connect(self, forge: str, given: str | None = None) -> Gitlab:
        """python-gitlab for a site: no retries, no other server. Raises: NotFound, Forbidden."""
        site = self.site(forge)
        with self._lock:
            if forge not in self._sessions:
                self._sessions[forge] = GuardedSession(site)
            session = self._sessions[forge]
        token = self.token(forge, given)
        return Gitlab(
            site.root,
            private_token=None if site.job else token,
            job_token=token if site.job else None,
            ssl_verify=str(site.site_ca) if site.site_ca else True,
            user_agent=f"tagstone/{__version__}",
            keep_base_url=True,
            retry_transient_errors=False,
            session=session,
        )


class GuardedSession(requests.Session):
    """A session that asks one server only, reads answers of limited size and time, and raises our errors.

    Answers that are no success never reach python-gitlab, and so it never tries again by itself.
    """

    def __init__(self, site: GitlabSite) -> None:
        super().__init__()
        self._origin = _origin(site.root)
        self._timeout = (min(_CONNECTING, site.silence), site.silence)
        self.mount("https://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
        self.mount("http://", HTTPAdapter(pool_maxsize=_CONNECTIONS))
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Ask once; looks follow redirects that stay on the server. Raises: by the answer's status, Away, Temporary, Permanent."""
        look, target = str(method).upper() in ("GET", "HEAD"), str(url)
        options |= {"allow_redirects": False, "stream": True, "timeout": self._timeout}
        options["headers"] = {**(options.get("headers") or {}), "Accept-Encoding": "identity"}
        options["auth"] = options.get("auth") or _anonymous
        for _ in range(_REDIRECTS + 1):
            if _origin(target) != self._origin:
                raise strange("it leads to another server")
            try:
                response = super().request(method, target, *args, **options)
            except _TROUBLES as error:
                raise _trouble(error) from None
            if response.status_code not in (301, 302, 303, 307, 308):
                return _checked(response, look=look)
            response.close()
            if not look:
                raise strange("it redirects a change")
            target = urljoin(target, response.headers.get("Location", ""))
            options["params"] = None
        raise strange("it redirects without end")


@contextmanager
def speaking() -> Iterator[None]:
    """Calls of python-gitlab, whose own errors become ours: what is left for it to find is JSON of another shape."""
    try:
        yield
    except GitlabError as error:
        raise strange(f"its answer cannot be read ({type(error).__name__})") from None


def pages(gitlab: Gitlab, path: str, **query: str) -> Iterator[JsonObject]:
    """All objects of a list, page by page as they are wanted. Raises: as any call, and Permanent for a list without end."""
    for page in range(1, _PAGES + 1):
        with speaking():
            answer = gitlab.http_request("get", path, query_data={**query, "page": page, "per_page": _PER_PAGE})
        found = answer.json()
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise strange("its list is none")
        yield from found
        if not found or not (answer.headers.get("X-Next-Page") or "next" in answer.links):
            return
    raise strange("its list has no end")


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No authentication; without it requests would look into ~/.netrc by itself."""
    return request


def _checked(response: requests.Response, *, look: bool) -> requests.Response:
    """A success that was read whole and is JSON; a change may be answered by nothing at all."""
    with response:
        body = _body(response)
    if not 200 <= response.status_code < 300:
        raise refusal(response.status_code, response.headers, body, look=look)
    if body or look:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise Temporary("GitLab's answer is no JSON.") from None
        if not isinstance(document, dict | list):
            raise strange("its answer is neither object nor list")
    response.headers["Content-Type"] = "application/json"
    response.raw = io.BytesIO(body)
    return response


def _body(response: requests.Response) -> bytes:
    """A whole answer. Raises: Permanent for one without end, Temporary for one cut off."""
    pieces, size, ends = [], 0, time.monotonic() + _ANSWER_SECONDS
    try:
        while piece := response.raw.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > _ANSWER_BYTES or time.monotonic() > ends:
                raise strange("its answer has no end")
    except _TROUBLES as error:
        raise _trouble(error) from None
    return b"".join(pieces)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _trouble(error: Exception) -> TagstoneError:
    """Our error for the network's; only its kind is told, since its text may hold what was sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    name = type(reason or error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Permanent(
            "GitLab's certificate cannot be trusted.", remedy="Check its address; `site_ca` of the forge names a CA."
        )
    if isinstance(error, _NEVER_SENT) or isinstance(reason, _NEVER_SENT):
        return Away(f"GitLab cannot be reached ({name}).")
    return Temporary(f"GitLab gave no answer ({name}).")
