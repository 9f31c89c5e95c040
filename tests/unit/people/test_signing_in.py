"""Signing in and out: who is believed, what browsers are given, and what attackers get."""

from collections.abc import Callable
from typing import Any

import pytest

from fakes.issuer import Issuer
from tagstone.store.tables import Person, Visit

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported
COOKIE = "__Host-tagstone"


def rows(site: Site, table: Any) -> list[Any]:
    with site.installation.sessions.read() as session:
        return list(session.query(table))


def test_who_signs_in_is_known_by_the_providers_own_number(site: Site):
    browser = site.signed_in()
    assert "ada" in browser.get("/account").text
    (person,) = rows(site, Person)
    assert (person.subject, person.name, person.forge, person.remote, person.role) == ("5", "ada", "gitlab", 5, None)
    site.signed_in(preferred_username="ada.new")
    (person,) = rows(site, Person)
    assert person.name == "ada.new"


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(site: Site):
    browser = site.browser()
    said = browser.get(site.back(browser)).headers.get_list("set-cookie")
    (visit,) = [one for one in said if one.startswith(f"{COOKIE}=")]
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in visit.split(";")}
    assert "domain" not in visit.lower()


def test_the_database_has_no_cookie_in_it(site: Site):
    secret = site.signed_in().cookies[COOKIE]
    (visit,) = rows(site, Visit)
    assert visit.id != secret
    assert len(visit.id) == 64


def test_every_sign_in_has_a_new_cookie_and_the_one_before_means_nothing_any_more(site: Site):
    browser = site.signed_in()
    first = browser.cookies[COOKIE]
    browser.get(site.back(browser))
    assert browser.cookies[COOKIE] != first
    other = site.browser()
    other.cookies.set(COOKIE, first)
    assert other.get("/account").headers["location"] == "/sign-in"


@pytest.mark.attack("people")
def test_a_cookie_that_somebody_else_chose_is_never_signed_in(site: Site):
    browser = site.browser()
    chosen = "a" * 43
    browser.cookies.set(COOKIE, chosen, domain="tagstone.example.org")
    browser.get(site.back(browser))
    attacker = site.browser()
    attacker.cookies.set(COOKIE, chosen)
    assert attacker.get("/account").headers["location"] == "/sign-in"


def test_who_signs_out_is_out_everywhere_with_that_cookie(site: Site):
    browser = site.signed_in()
    secret = browser.cookies[COOKIE]
    assert browser.post("/sign-out", data=site.form(browser)).status_code == 303
    other = site.browser()
    other.cookies.set(COOKIE, secret)
    assert other.get("/account").headers["location"] == "/sign-in"
    assert rows(site, Visit) == []


def test_a_visit_ends(site: Site):
    browser = site.signed_in()
    site.installation.clock.advance(43_201)
    assert browser.get("/account").headers["location"] == "/sign-in"


@pytest.mark.attack("people")
def test_another_browser_cannot_finish_what_one_began(site: Site):
    victim, attacker = site.browser(), site.browser()
    address = site.back(attacker)
    assert victim.get(address).status_code == 401
    site.back(victim)
    assert victim.get(address).status_code == 401
    assert rows(site, Person) == []


@pytest.mark.attack("people")
def test_a_code_is_good_once(site: Site):
    browser = site.browser()
    address = site.back(browser)
    going = browser.cookies[f"{COOKIE}-going"]
    assert browser.get(address).status_code == 303
    browser.cookies.set(f"{COOKIE}-going", going)
    assert browser.get(address).status_code == 422


LIES: dict[str, dict[str, Any]] = {
    "another attempt's nonce": {"claims": {"nonce": "other"}},
    "no nonce": {"claims": {"nonce": None}},
    "for another client": {"claims": {"aud": "other"}},
    "for two, and made for another": {"claims": {"aud": ["tagstone", "other"], "azp": "other"}},
    "of another issuer": {"claims": {"iss": "https://evil.example"}},
    "expired": {"claims": {"exp": 1}},
    "of nobody": {"claims": {"sub": None}},
    "of somebody without end": {"claims": {"sub": "x" * 501}},
}


@pytest.mark.attack("people")
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_answer_that_proves_nothing_lets_nobody_in(site: Site, lie: dict[str, Any]):
    site.issuer.changes |= lie
    browser = site.browser()
    assert browser.get(site.back(browser)).status_code == 401
    assert COOKIE not in browser.cookies
    assert rows(site, Visit) == []


def away(issuer: Issuer) -> None:
    issuer.status = 503


def endless(issuer: Issuer) -> None:
    issuer.body = b"x" * (2 << 20)


def another(issuer: Issuer) -> None:
    issuer.changes["discovery"] = {"issuer": "https://evil.example"}


def script(issuer: Issuer) -> None:
    issuer.changes["discovery"] = {"authorization_endpoint": "javascript:alert(1)"}


@pytest.mark.parametrize("trouble", [away, endless, another, script])
def test_a_provider_in_trouble_is_told_and_leads_nowhere(site: Site, trouble: Callable[[Issuer], None]):
    trouble(site.issuer)
    answer = site.browser().get("/sign-in")
    assert answer.status_code in (500, 503)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/publications?page=2", "/publications?page=2"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("", "/"),
    ],
)
def test_one_is_led_back_to_where_one_was_and_never_elsewhere(site: Site, wanted: str, led: str):
    browser = site.browser()
    begun = browser.get("/sign-in", params={"back": wanted})
    parts = site.issuer.sign_in(begun.headers["location"]).partition("/sign-in/back")
    assert browser.get("/sign-in/back" + parts[2]).headers["location"] == led


@pytest.mark.attack("people")
def test_a_name_with_a_script_in_it_is_shown_as_text(site: Site):
    text = site.signed_in(preferred_username="<script>alert(1)</script>").get("/account").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_pages_of_who_is_signed_in_are_for_no_cache(site: Site):
    assert site.signed_in().get("/publications").headers["cache-control"] == "private, no-store"
    assert site.browser().get("/publications").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"email": "ada@example.org", "email_verified": True}, "ada@example.org"),
        ({"email": "ada@example.org"}, None),
        ({"email": "ada@example.org", "email_verified": "true"}, None),
        ({"email": "ada@example.org, eve@example.org", "email_verified": True}, None),
        ({"email": 7, "email_verified": True}, None),
    ],
)
def test_an_address_is_kept_where_the_provider_vouches_for_it(site, said, kept):
    site.signed_in(**said)
    with site.installation.sessions.read() as session:
        assert session.query(Person).one().email == kept
