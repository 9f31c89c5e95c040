"""A site where people sign in with an issuer that answers over HTTP, and browsers of theirs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fastapi.testclient import TestClient

from fakes.installation import NOW, Installation
from fakes.issuer import Issuer, issuing
from fakes.job import Pipelines
from tagstone.actions.access import Access
from tagstone.actions.recognise import form_token
from tagstone.actions.sign_in import SignIn
from tagstone.adapters.json_http import JsonHttp
from tagstone.adapters.oidc import OidcProvider
from tagstone.edges.entrance import Entrance
from tagstone.web.app import create_pages
from tagstone.web.place import Place

URL = "https://tagstone.example.org"
COOKIE = "__Host-tagstone"


@dataclass
class Site:
    """The pages, and the issuer that people sign in with, which is the GitLab of the projects 17 (private) and 18 (public)."""

    installation: Installation
    pipelines: Pipelines
    issuer: Issuer
    url: str = URL
    app: Any = field(init=False)

    def __post_init__(self) -> None:
        clock = self.installation.clock
        self.issuer.changes["now"] = int(clock.now())
        access = Access(clock, self.pipelines.forges)
        entrance = Entrance(self.installation.sessions, clock, access, self.url)
        provider = OidcProvider(JsonHttp(requests.Session(), silence=2.0), self.issuer.url, "tagstone", "s&cret", clock)
        sign_in = SignIn(
            provider,
            self.installation.sessions,
            clock,
            f"{self.url}/sign-in/back",
            43_200.0,
            366 * 86_400.0,
            {self.issuer.url: "gitlab"},
        )
        place = Place(self.url, serves_images=False)
        self.app = create_pages(
            self.installation.storage,
            self.installation.home,
            place,
            entrance,
            self.pipelines.queue,
            sign_in,
            self.pipelines.requests,
        )

    def browser(self) -> TestClient:
        """A browser that never was here."""
        return TestClient(self.app, raise_server_exceptions=False, follow_redirects=False, base_url=self.url)

    def back(self, browser: TestClient, address: str = "/sign-in") -> str:
        """Begin to sign in, and agree at the provider; the address that the browser is sent back to."""
        begun = browser.get(address)
        assert begun.status_code == 303, begun.text
        parts = urlsplit(self.issuer.sign_in(begun.headers["location"]))
        return f"{parts.path}?{parts.query}"

    def signed_in(self, **person: Any) -> TestClient:
        """A browser in which somebody is signed in."""
        browser = self.browser()
        self.issuer.person = {"sub": "5", "preferred_username": "ada"} | person
        assert browser.get(self.back(browser)).status_code == 303
        return browser

    def form(self, browser: TestClient, **fields: Any) -> dict[str, Any]:
        """A form as a page of the browser's has it."""
        return {"form": form_token(browser.cookies[COOKIE]), **fields}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    installation = Installation(tmp_path)
    pipelines = Pipelines(installation)
    pipelines.register(17, "stars/wobble")
    pipelines.register(18, "stars/timing", public=True)
    with issuing() as issuer:
        yield Site(installation, pipelines, issuer)
    installation.close()


@pytest.fixture
def now() -> float:
    return NOW
