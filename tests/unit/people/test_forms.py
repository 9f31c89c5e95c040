"""Forms that change something: they come from one's own pages alone, and do what one may do and no more."""

from typing import Any

import pytest

from tagstone.domain.people.viewer import Role
from tagstone.domain.publications.publication import State, Step
from tagstone.store.tables import ApiToken, Person, Project, Publication, Visit

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported
COOKIE = "__Host-tagstone"


def publication(site: Site, remote: int = 17, **columns: Any) -> str:
    made: str = site.installation.publication(**{"state": "failed", "step": "run", **columns})
    with site.installation.sessions.write() as session:
        row = session.get_one(Publication, made)
        row.project_id = session.query(Project).filter_by(key=site.pipelines.identity(remote).key).one().id
    return made


def state(site: Site, made: str) -> str:
    with site.installation.sessions.read() as session:
        return str(session.get_one(Publication, made).state)


ADDRESSES = [
    "/publications/ID/retry",
    "/publications/ID/cancel",
    "/publications/ID/approve",
    "/sign-out",
    "/account/tokens",
    "/account/tokens/1/revoke",
    "/registrations/ask",
    "/registrations/1/grant",
    "/registrations/1/refuse",
    "/registrations/1/set-up",
]
FORGERIES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no form's token": ({"form": ""}, {}),
    "another browser's": ({"form": "A" * 43}, {}),
    "a letter that is none": ({"form": "é" * 43}, {}),
    "from another site": ({}, {"sec-fetch-site": "cross-site"}),
    "from a neighbour": ({}, {"sec-fetch-site": "same-site"}),
    "from another origin": ({}, {"origin": "https://evil.example"}),
    "from nowhere": ({}, {"origin": "null"}),
    "from the same host without TLS": ({}, {"origin": "http://tagstone.example.org"}),
}


@pytest.mark.attack("people")
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(("fields", "headers"), FORGERIES.values(), ids=FORGERIES)
def test_a_form_that_another_site_made_changes_nothing(
    site: Site, address: str, fields: dict[str, str], headers: dict[str, str]
):
    site.pipelines.forges.levels[17, 5] = 50
    browser, made = site.signed_in(), publication(site)
    sent = site.form(browser, attempt="1", name="x", days="1", scopes="read") | fields
    answer = browser.post(address.replace("ID", made), data=sent, headers=headers)
    assert answer.status_code == 403
    assert state(site, made) == State.FAILED
    with site.installation.sessions.read() as session:
        assert (session.query(Visit).count(), session.query(ApiToken).count()) == (1, 0)


@pytest.mark.attack("people")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_change_needs_a_cookie_and_a_form(site: Site, address: str):
    made = publication(site, 18)
    nobody, browser = site.browser(), site.signed_in()
    assert nobody.post(address.replace("ID", made), data={"form": "A" * 43}).status_code == 401
    assert browser.post(address.replace("ID", made), json=site.form(browser)).status_code == 422
    assert browser.get(address.replace("ID", made)).status_code in (404, 405)
    assert state(site, made) == State.FAILED


def test_every_address_that_takes_forms_is_among_those_that_are_tried(site: Site):
    routers = [route.original_router for route in site.app.routes if hasattr(route, "original_router")]
    routes = [route for router in routers for route in router.routes]
    taking = {route.path for route in routes if route.methods - {"GET", "HEAD"}}
    assert {path.replace("{publication}", "ID").replace("{number}", "1") for path in taking} == set(ADDRESSES)


@pytest.mark.attack("people")
def test_a_form_without_end_is_refused(site: Site):
    browser = site.signed_in()
    assert browser.post("/account/tokens", data=site.form(browser, name="x" * 70_000)).status_code == 422


@pytest.mark.parametrize(("level", "expected"), [(0, 404), (10, 404), (20, 403), (30, 303), (50, 303)])
def test_who_may_work_on_a_project_may_retry(site: Site, level: int, expected: int):
    site.pipelines.forges.levels[17, 5] = level
    browser, made = site.signed_in(), publication(site)
    assert browser.post(f"/publications/{made}/retry", data=site.form(browser)).status_code == expected
    assert state(site, made) == (State.QUEUED if expected == 303 else State.FAILED)


@pytest.mark.parametrize(("level", "offered"), [(20, False), (30, True)])
def test_a_page_offers_what_one_may_do(site: Site, level: int, offered: bool):
    site.pipelines.forges.levels[17, 5] = level
    page = site.signed_in().get(f"/publications/{publication(site)}").text
    assert ("Try again</button>" in page) == offered


def test_a_maintainer_approves_what_was_looked_at_on_its_page(site: Site):
    site.pipelines.forges.levels[17, 5] = 40
    browser, made = site.signed_in(), publication(site, state="working", step="review", finished_at=None)
    site.installation.step(made, Step.REVIEW, "waiting")
    assert "Approve the release</button>" in browser.get(f"/publications/{made}/review").text
    assert browser.post(f"/publications/{made}/approve", data=site.form(browser, attempt="x")).status_code == 422
    assert browser.post(f"/publications/{made}/approve", data=site.form(browser, attempt="2")).status_code == 409
    assert browser.post(f"/publications/{made}/approve", data=site.form(browser, attempt="1")).status_code == 303
    with site.installation.sessions.read() as session:
        assert session.get_one(Publication, made).approved_by == "ada"


@pytest.mark.parametrize("who", ["nobody", "stranger", "reporter", "curator"])
def test_pages_show_what_is_not_released_to_those_who_may_see_the_project(site: Site, who: str):
    site.pipelines.forges.levels[17, 5] = 20 if who == "reporter" else 0
    browser = site.browser() if who == "nobody" else site.signed_in()
    if who == "curator":
        with site.installation.sessions.write() as session:
            session.query(Person).one().role = Role.CURATOR
    hidden, rehearsed = publication(site, title="Hidden"), publication(site, kind="rehearsal", state="rehearsed")
    site.installation.log(hidden, "run-1", [b"it ran\n"])
    expected = 200 if who in ("reporter", "curator") else 404
    for address in (f"publications/{hidden}", f"publications/{hidden}/logs/run-1", f"publications/{hidden}/events"):
        assert browser.get(f"/{address}").status_code == expected, address
    for address in (f"records/{rehearsed}", f"records/{rehearsed}/cite/apa", f"records/{rehearsed}/cite/bibtex"):
        assert (browser.get(f"/{address}").status_code == 404) == (expected == 404 or "apa" in address), address
    assert ("Hidden" in browser.get("/publications").text) == (expected == 200)
    assert "wobble" not in browser.get("/").text


def test_a_record_of_a_private_project_is_for_everybody_and_its_logs_are_not(site: Site):
    made = publication(site, state="published", step=None)
    site.installation.log(made, "build-1", [b"a path that is nobody's business\n"])
    browser = site.browser()
    assert browser.get(f"/records/{made}").status_code == 200
    assert "nobody" not in browser.get(f"/publications/{made}").text
    assert browser.get(f"/publications/{made}/logs/build-1").status_code == 404


def test_a_token_is_shown_once_and_kept_as_its_hash(site: Site):
    browser = site.signed_in()
    fields = site.form(browser, name="my laptop", days="30", scopes=["read", "publish"])
    page = browser.post("/account/tokens", data=fields).text
    token = page.partition("tagstone_")[2][:43]
    assert len(token) == 43
    assert "my laptop" in browser.get("/account").text
    assert token not in browser.get("/account").text
    with site.installation.sessions.read() as session:
        row = session.query(ApiToken).one()
        assert (row.scopes, row.name) == ('["publish", "read"]', "my laptop")
        assert token not in repr(row.__dict__)


@pytest.mark.parametrize(
    "fields",
    [{"days": "0"}, {"days": "367"}, {"days": "-1"}, {"days": "x"}, {"name": " "}, {"scopes": "admin"}, {"scopes": ""}],
)
def test_a_token_that_lives_too_long_or_may_do_what_there_is_not_is_not_made(site: Site, fields: dict[str, str]):
    browser = site.signed_in()
    sent = site.form(browser, name="x", days="1", scopes="read") | fields
    assert browser.post("/account/tokens", data=sent).status_code == 422


@pytest.mark.attack("people")
def test_one_revokes_ones_own_tokens_and_nobody_elses(site: Site):
    ada = site.signed_in()
    ada.post("/account/tokens", data=site.form(ada, name="x", days="1", scopes="read"))
    eve = site.signed_in(sub="6", preferred_username="eve")
    assert eve.post("/account/tokens/1/revoke", data=site.form(eve)).status_code == 404
    assert ada.post("/account/tokens/1/revoke", data=site.form(ada)).status_code == 303
    with site.installation.sessions.read() as session:
        assert session.query(ApiToken).one().revoked_at is not None


def test_who_may_see_nothing_here_is_offered_to_sign_in_and_led_back(site: Site):
    site.pipelines.forges.levels[17, 5] = 20
    browser, hidden = site.browser(), publication(site)
    pages = [browser.get(f"/publications/{one}") for one in (hidden, "p" + "0" * 16)]
    assert pages[0].text.replace(hidden, "ID") == pages[1].text.replace("p" + "0" * 16, "ID")
    offered = f"/sign-in?back=/publications/{hidden}"
    assert f'href="{offered}"' in pages[0].text
    arrived = browser.get(site.back(browser, offered))
    assert arrived.headers["location"] == f"/publications/{hidden}"
    assert browser.get(arrived.headers["location"]).status_code == 200
