"""Builds what lets people, programs and jobs in; a part of bootstrap that is large enough to stand by itself."""

from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from tagstone.actions.access import Access
from tagstone.actions.sign_in import SignIn
from tagstone.adapters.ci_tokens import JobTokens
from tagstone.adapters.json_http import JsonHttp
from tagstone.adapters.oidc import OidcProvider
from tagstone.edges.entrance import Entrance
from tagstone.errors import Invalid
from tagstone.ports import Clock, ForgeProjects
from tagstone.settings import Settings
from tagstone.store.session import Sessions

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BACK = "/sign-in/back"


def is_single(settings: Settings, url: str) -> bool:
    """Say whether one person runs this for themselves: nobody signs in, and no other machine can reach it."""
    reached = (settings.serving.host, urlsplit(url).hostname)
    return settings.sign_in.issuer is None and all(host in _LOOPBACK for host in reached)


def entrance(
    settings: Settings, url: str, sessions: Sessions, clock: Clock, http: requests.Session, forges: Callable[[], ForgeProjects]
) -> Entrance:
    """Who comes in to pages and API, and what they may see; `url` is the address that people see."""
    if not settings.forges:
        return Entrance(sessions, clock, Access(clock, single=is_single(settings, url)), url)
    sites = settings.forges.items()
    clients = {name: (site.url, JsonHttp(http, site.site_ca, site.silence)) for name, site in sites}
    access = Access(clock, forges(), single=is_single(settings, url))
    return Entrance(sessions, clock, access, url, JobTokens(clients, url, clock).verify)


def sign_in(settings: Settings, url: str, sessions: Sessions, clock: Clock, http: requests.Session) -> SignIn | None:
    """How people sign in; None where nobody does. Raises: Invalid where the settings say it only in part."""
    said = settings.sign_in
    if said.issuer is None:
        return None
    if said.client is None:
        raise Invalid(
            "TAGSTONE_SIGN_IN__CLIENT is missing.",
            remedy="Let the provider register this service, and set the id that it gives.",
        )
    secret = said.secret.get_secret_value() if said.secret else None
    provider = OidcProvider(JsonHttp(http, said.site_ca), said.issuer, said.client, secret, clock)
    forges = {site.url.rstrip("/"): name for name, site in settings.forges.items()}
    return SignIn(provider, sessions, clock, url + _BACK, said.visit, said.tokens, forges)
