"""Registrations on pages: maintainers ask, curators decide, and what people write is shown as text."""

from typing import Any

import pytest

from tagstone.domain.forges.registration import Standing
from tagstone.domain.people.viewer import Role
from tagstone.store.tables import Person, Registration

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


@pytest.fixture
def maintainer(site: Site) -> Any:
    """Ada's browser; she maintains project 19, which nobody registered."""
    site.pipelines.forges.add(19, "stars/pulsar")
    site.pipelines.forges.levels[19, 5] = 40
    return site.signed_in()


def curator(site: Site) -> Any:
    browser = site.signed_in(sub="7", preferred_username="grace")
    with site.installation.sessions.write() as session:
        session.query(Person).filter_by(name="grace").one().role = Role.CURATOR
    return browser


def row(site: Site) -> Registration:
    with site.installation.sessions.read() as session:
        found: Registration = session.query(Registration).filter_by(remote=19).one()
        return found


def ask(site: Site, browser: Any, **fields: str) -> Any:
    wish = {"project": "stars/pulsar", "builder": "ci", "tags": "v* paper-*", "note": "<b>please</b>"} | fields
    return browser.post("/registrations/ask", data=site.form(browser, **wish))


def test_nobody_in_particular_is_sent_to_sign_in(site: Site):
    assert site.browser().get("/registrations").headers["location"] == "/sign-in?back=/registrations"


def test_a_maintainer_asks_and_sees_how_it_stands(site: Site, maintainer: Any):
    assert ask(site, maintainer).headers["location"] == "/registrations"
    assert (row(site).standing, row(site).tags) == (Standing.ASKED, '["v*", "paper-*"]')
    page = maintainer.get("/registrations").text
    assert "stars/pulsar" in page
    assert "asked" in page
    assert "&lt;b&gt;please&lt;/b&gt;" in page
    assert "Grant" not in page


@pytest.mark.parametrize("fields", [{"project": "stars/wobble"}, {"project": "stars/unknown"}])
def test_who_does_not_maintain_it_learns_nothing_of_it(site: Site, maintainer: Any, fields: dict[str, str]):
    answer = ask(site, maintainer, **fields)
    assert answer.status_code == 404
    assert "that you maintain" in answer.text


@pytest.mark.parametrize("fields", [{"builder": "kaniko"}, {"project": " / "}, {"note": "x" * 2001}, {"forge": "other"}])
def test_a_wish_that_is_none_is_refused(site: Site, maintainer: Any, fields: dict[str, str]):
    assert ask(site, maintainer, **fields).status_code == 422


def test_a_curator_grants_with_account_and_caps(site: Site, maintainer: Any):
    ask(site, maintainer)
    grace = curator(site)
    page = grace.get("/registrations").text
    assert "Grant" in page
    assert "<option>zenodo</option>" in page
    sent = site.form(grace, account="zenodo", cpu="4", memory="8Gi", disk="", time="1h", gpu="0")
    assert grace.post(f"/registrations/{row(site).id}/grant", data=sent).status_code == 303
    assert (row(site).standing, row(site).granted_by) == (Standing.ACTIVE, "grace")
    assert row(site).caps == '{"cpu": 4.0, "memory": 8589934592, "time": 3600, "gpu": 0}'
    assert "at most 4 cores, 8 GiB of memory" in maintainer.get("/registrations").text


def test_a_cap_that_is_none_grants_nothing(site: Site, maintainer: Any):
    ask(site, maintainer)
    grace = curator(site)
    answer = grace.post(f"/registrations/{row(site).id}/grant", data=site.form(grace, memory="a lot"))
    assert answer.status_code == 422
    assert row(site).standing == Standing.ASKED


def test_a_curator_refuses_with_a_reason_that_is_shown(site: Site, maintainer: Any):
    ask(site, maintainer)
    grace = curator(site)
    assert grace.post(f"/registrations/{row(site).id}/refuse", data=site.form(grace, reason="")).status_code == 422
    grace.post(f"/registrations/{row(site).id}/refuse", data=site.form(grace, reason="Not <i>here</i>."))
    assert "refused: Not &lt;i&gt;here&lt;/i&gt;." in maintainer.get("/registrations").text


def test_who_asks_does_not_decide(site: Site, maintainer: Any):
    ask(site, maintainer)
    for what in ("grant", "refuse"):
        sent = site.form(maintainer, reason="Because.")
        assert maintainer.post(f"/registrations/{row(site).id}/{what}", data=sent).status_code == 403
    assert row(site).standing == Standing.ASKED


def test_a_maintainer_sets_up_the_hook_and_the_token_is_on_no_page(site: Site, maintainer: Any):
    ask(site, maintainer)
    grace = curator(site)
    grace.post(f"/registrations/{row(site).id}/grant", data=site.form(grace))
    done = maintainer.post(f"/registrations/{row(site).id}/set-up", data=site.form(maintainer, token="glpat-secret-of-ada"))
    assert done.status_code == 200
    assert "hook 1 delivers tags" in done.text
    assert "glpat-secret-of-ada" not in done.text
    assert len(site.pipelines.registrar.hooks) == 1


def test_every_page_leads_there(site: Site):
    assert 'href="/registrations"' in site.browser().get("/").text
