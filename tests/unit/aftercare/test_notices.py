"""Letters about what is no publication: sent once, kept while the server is away, and to nobody where no mail is configured."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.installation import NOW, Installation
from tagstone.actions.send_notices import send_notices
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Invalid, TagstoneError, Temporary
from tagstone.store import notices
from tagstone.store.tables import Notice


@dataclass
class Post:
    """Mail that keeps what it was given; `trouble` is raised instead, `there` False: no mail is configured."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    trouble: TagstoneError | None = None
    there: bool = True

    def send(self, address: str, subject: str, text: str) -> bool:
        if self.trouble is not None:
            raise self.trouble
        if self.there:
            self.sent.append((address, subject, text))
        return self.there


@dataclass
class Office:
    """An installation that owes one letter."""

    installation: Installation
    post: Post = field(default_factory=Post)
    told: list[str] = field(default_factory=list)

    def round(self) -> None:
        send_notices(self.installation.sessions, self.post, self.installation.clock, Durations(), self.told.append)

    @property
    def row(self) -> Notice:
        with self.installation.sessions.read() as session:
            return session.query(Notice).one()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    installation = Installation(tmp_path)
    with installation.sessions.write() as session:
        notices.owe(session, "grace@example.org", "stars/wobble asks", "Look at it.", NOW)
    yield Office(installation)
    installation.close()


def test_it_is_sent_once_and_the_address_forgotten(office: Office):
    office.round()
    office.round()
    assert office.post.sent == [("grace@example.org", "stars/wobble asks", "Look at it.")]
    assert (office.row.outcome, office.row.address) == ("sent", "")


def test_a_server_that_is_away_is_asked_again_later(office: Office):
    office.post.trouble = Temporary("The mail server is away.")
    office.round()
    assert office.told == ["stars/wobble asks: The mail server is away."]
    office.post.trouble = None
    office.round()
    assert office.post.sent == []
    office.installation.clock.advance(3600)
    office.round()
    assert len(office.post.sent) == 1


def test_after_the_longest_wait_of_all_it_is_given_up(office: Office):
    office.post.trouble = Temporary("The mail server is away.")
    office.installation.clock.advance(Durations().outage + 1)
    office.round()
    assert office.row.outcome == "given up"


def test_one_that_is_refused_is_not_tried_again(office: Office):
    office.post.trouble = Invalid("No such mailbox.", remedy="Correct it.")
    office.round()
    assert office.row.outcome == "refused"


def test_without_mail_nobody_is_told(office: Office):
    office.post.there = False
    office.round()
    assert office.row.outcome == "no mail"
