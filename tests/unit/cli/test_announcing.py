"""`tagstone show` says what GitLab was told, and `tagstone announce` tells it anew."""

import pytest

from fakes.installation import NOW, Installation
from tagstone.domain.forges.registration import ImageBuilder, Standing, What
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import State
from tagstone.store import announcements, publications
from tagstone.store.tables import Announcement, Registration


@pytest.fixture
def publication(installation: Installation) -> str:
    """A publication whose project lets the service write its status and comments."""
    made = installation.publication(state=State.FAILED)
    with installation.sessions.write() as session:
        row = publications.get(session, made)
        registration = Registration(forge="lab", remote=17, path="stars/wobble", project_id=row.project_id, since=1.0)
        registration.standing, registration.builder, registration.asked_by = Standing.ACTIVE, ImageBuilder.CI, "ada"
        registration.announces = '["comments", "status"]'
        session.add(registration)
        session.flush()
        announcements.owe(session, row, NOW, What.STATUS)
        announcements.owe_comment(session, row, Event.FAILED, NOW)
    return made


def end(installation: Installation, what: What, outcome: str | None, reason: str | None = None) -> None:
    with installation.sessions.write() as session:
        session.query(Announcement).filter_by(what=what).update({"outcome": outcome, "reason": reason})


def test_show_says_what_was_told_and_what_could_not_be(tagstone, installation, publication):
    end(installation, What.STATUS, announcements.MADE)
    end(installation, What.COMMENTS, announcements.REFUSED, "GitLab does not accept the token\x1b[31m.")
    card = tagstone("show", publication).stdout
    assert "told GitLab" in card
    assert "comments failed (refused): GitLab does not accept the token" in card
    assert "\x1b[31m" not in card


def test_what_was_refused_is_owed_again_and_what_was_made_is_looked_at_again(tagstone, installation, publication):
    end(installation, What.STATUS, announcements.MADE)
    end(installation, What.COMMENTS, announcements.REFUSED, "no")
    assert tagstone.json("announce", publication)["owed"] == ["status", "comments failed"]
    with installation.sessions.read() as session:
        assert {(row.outcome, row.turn) for row in announcements.of(session, publication)} == {(None, 2)}


def test_comments_that_were_made_are_not_made_again(tagstone, installation, publication):
    end(installation, What.COMMENTS, announcements.MADE)
    assert tagstone.json("announce", publication)["owed"] == ["status"]


def test_where_nothing_is_written_it_says_how_that_is_changed(tagstone, installation):
    done = tagstone("announce", installation.publication())
    assert done.exit_code != 0
    assert "tagstone register PROJECT --announce" in done.stderr
