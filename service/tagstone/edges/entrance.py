"""Who comes in: browsers with a cookie, programs with a token, CI jobs with their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tagstone.actions import recognise
from tagstone.actions.access import Access
from tagstone.domain.people.viewer import NOBODY, Viewer
from tagstone.errors import Unproven
from tagstone.ports import Clock
from tagstone.store.session import Sessions

VerifyJob = Callable[[str], tuple[str, Mapping[str, Any]]]

_bearer = HTTPBearer(
    auto_error=False, description="A token made on the page of one's account, or in a CI job its `id_token` for this service."
)


@dataclass(frozen=True)
class Entrance:
    """Recognises who asks; `url` is the address that people see, `verify_job` None where no forge is set up."""

    sessions: Sessions
    clock: Clock
    access: Access
    url: str
    verify_job: VerifyJob | None = None

    @property
    def encrypted(self) -> bool:
        """True where people come by TLS."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the cookie of a visit; with TLS one that neither other hosts nor plain HTTP can set."""
        return "__Host-tagstone" if self.encrypted else "tagstone"

    def visit(self, request: Request) -> str:
        """What the browser's cookie says, empty where it has none."""
        return request.cookies.get(self.cookie, "")

    def of_browser(self, request: Request) -> Viewer:
        """Who is signed in in this browser; somebody unknown where nobody is."""
        secret = self.visit(request)
        if not secret:
            return NOBODY
        with self.sessions.read() as session:
            return recognise.by_visit(session, secret, self.clock.now()) or NOBODY

    def of_program(self, token: str | None) -> Viewer:
        """Whose token it is; somebody unknown without one. Raises: Unproven, Forbidden, Invalid, Temporary."""
        if token is None:
            return NOBODY
        if recognise.TOKEN.fullmatch(token):
            return recognise.by_token(self.sessions, token, self.clock.now())
        forge, claims = self.of_job(token)
        with self.sessions.read() as session:
            return recognise.by_job(session, forge, claims)

    def of_job(self, token: str | None) -> tuple[str, Mapping[str, Any]]:
        """The forge of a job, and what its token says. Raises: Unproven, Temporary."""
        if token is None or self.verify_job is None:
            raise Unproven(
                "Only a job of a pipeline may do that, with a token of its own.",
                remedy="Give the job `id_tokens:` with this service's address as `aud`.",
            )
        return self.verify_job(token)


def _entrance(request: Request) -> Entrance:
    entrance: Entrance = request.app.state.entrance
    return entrance


def visitor(request: Request) -> Viewer:
    """Who looks at a page."""
    return _entrance(request).of_browser(request)


Visitor = Annotated[Viewer, Depends(visitor)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def caller(request: Request, credentials: Credentials) -> Viewer:
    """Who calls the API; cookies mean nothing to it, so that no other site can make a browser call it."""
    return _entrance(request).of_program(credentials.credentials if credentials else None)


def job(request: Request, credentials: Credentials) -> tuple[str, Mapping[str, Any]]:
    """The forge of the job that calls the API, and what its token says."""
    return _entrance(request).of_job(credentials.credentials if credentials else None)


Caller = Annotated[Viewer, Depends(caller)]
Job = Annotated[tuple[str, Mapping[str, Any]], Depends(job)]
