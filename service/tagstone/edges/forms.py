"""Forms that change something: taken from pages of the very browser that somebody is signed in with, and from nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request

from tagstone.actions import recognise
from tagstone.domain.people.viewer import Viewer
from tagstone.edges.entrance import Entrance
from tagstone.errors import Forbidden, Invalid, Unproven

FIELD = "form"
_MOST = 64 * 1024
_FIELDS = 100


@dataclass(frozen=True)
class Form:
    """What somebody sent: their visit's secret, who they are, and the fields, the last of each name."""

    secret: str
    viewer: Viewer
    fields: Mapping[str, str]
    several: Mapping[str, list[str]]


def form_token(request: Request) -> str:
    """What forms of this browser's pages bring along; empty where nobody is signed in."""
    entrance: Entrance = request.app.state.entrance
    secret = entrance.visit(request)
    return recognise.form_token(secret) if secret else ""


async def own_form(request: Request) -> Form:
    """The form that was sent. Raises: Unproven where nobody is signed in, Forbidden where another site made it, Invalid."""
    entrance: Entrance = request.app.state.entrance
    _refuse_others(request, entrance.url)
    several = parse_qs((await _body(request)).decode("utf-8", "replace"), max_num_fields=_FIELDS)
    fields = {name: values[-1] for name, values in several.items()}
    secret, viewer = entrance.visit(request), entrance.of_browser(request)
    if viewer.person is None:
        raise Unproven("You are not signed in, or not any more.", remedy="Sign in, then do it again.")
    if not recognise.is_form_token(secret, fields.get(FIELD, "")):
        raise Forbidden("This form is not from a page of yours.", remedy="Open the page again, and send its form.")
    return Form(secret, viewer, fields, several)


FormToken = Annotated[str, Depends(form_token)]
OwnForm = Annotated[Form, Depends(own_form)]


def _refuse_others(request: Request, url: str) -> None:
    """Refuse what a browser says that another site made it send."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    scheme, address = urlsplit(url).scheme, urlsplit(url).netloc
    hosts = (address, request.headers.get("host", ""))
    same = origin is None or origin in [f"{scheme}://{host}" for host in hosts]
    if site not in (None, "same-origin", "none") or not same:
        raise Forbidden("Another site sent this form.", remedy="Open the page here, and send its form.")


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Invalid("This is no form.", remedy="Send the form of the page.")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > _MOST:
            raise Invalid("The form is too long.", remedy="Send the form of the page.")
    return bytes(data)
