"""The page of the audit log: for admins alone, and for those it is whole."""

from typing import Any

import pytest

from tagstone.domain.people.deed import Actor, Deed, Origin
from tagstone.domain.people.viewer import Role
from tagstone.store import audit
from tagstone.store.audit import Wanted
from tagstone.store.tables import Person

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


def give(site: Site, role: Role | None) -> None:
    with site.installation.sessions.write() as session:
        session.query(Person).one().role = role


@pytest.mark.parametrize("role", [None, Role.CURATOR, Role.ADMIN])
def test_it_is_there_for_admins_alone(site: Site, role: Role | None):
    browser = site.signed_in()
    give(site, role)
    assert browser.get("/audit").status_code == (200 if role is Role.ADMIN else 404)
    assert ("Audit log" in browser.get("/account").text) == (role is Role.ADMIN)
    assert site.browser().get("/audit").status_code == 404


def test_it_tells_of_sign_ins_and_tokens_and_never_of_secrets(site: Site):
    browser = site.signed_in()
    give(site, Role.ADMIN)
    made = browser.post("/account/tokens", data=site.form(browser, name="laptop", days="1", scopes="read")).text
    text = "tagstone_" + made.partition("tagstone_")[2][:43]
    assert browser.post("/account/tokens/1/revoke", data=site.form(browser)).status_code == 303
    with site.installation.sessions.read() as session:
        rows = audit.newest(session, Wanted(), 10)
    assert [(row.deed, row.actor, row.person, row.origin) for row in reversed(rows)] == [
        (Deed.SIGNED_IN, "ada", 1, Origin.PAGE),
        (Deed.TOKEN_MADE, "ada", 1, Origin.PAGE),
        (Deed.TOKEN_REVOKED, "ada", 1, Origin.PAGE),
    ]
    page = browser.get("/audit").text
    assert all(deed in page for deed in ("signed-in", "token-made", "token-revoked"))
    assert text not in page


def test_names_from_outside_are_text_there(site: Site):
    browser = site.signed_in()
    give(site, Role.ADMIN)
    with site.installation.sessions.write() as session:
        audit.write(session, 1.0, Actor("<script>alert(1)</script>", Origin.JOB), Deed.HAND_IN_REFUSED, "a", "<b>&\r\nX: y")
    page = browser.get("/audit").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_it_is_read_by_pages_and_by_deeds(site: Site):
    browser = site.signed_in()
    give(site, Role.ADMIN)
    with site.installation.sessions.write() as session:
        for number in range(60):
            audit.write(session, float(number), Actor("ada", Origin.API), Deed.RETRIED, f"p{number}")
    assert "Page 1 of 3" in browser.get("/audit").text
    assert "<td>p0</td>" in browser.get("/audit?page=3").text
    only = browser.get("/audit?deed=signed-in").text
    assert "<td>p59</td>" not in only
    assert "<td>signed-in</td>" in only
    assert browser.get("/audit?deed=eaten").status_code == 404
