"""Credentials are looked at once a day, admins are told in time and once, and what is known never holds one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.installation import NOW, Installation
from tagstone.actions.look_at_credentials import LookAtCredentials
from tagstone.actions.note_uses import NoteUses
from tagstone.domain.credentials.credential import DAY, Credential, Sight
from tagstone.domain.people.viewer import Role
from tagstone.errors import Away, Forbidden, TagstoneError
from tagstone.store.tables import CredentialRow, Notice, Person


@dataclass
class Server:
    """Says of one credential what a test sets, or raises it, and counts how often it was asked."""

    says: Sight | TagstoneError = field(default_factory=lambda: Sight(("read_api",), (), NOW + 100 * DAY))
    asked: int = 0

    def __call__(self) -> Sight:
        self.asked += 1
        if isinstance(self.says, TagstoneError):
            raise self.says
        return self.says


@dataclass
class Scene:
    """A service with one credential, at a server."""

    installation: Installation
    server: Server = field(default_factory=Server)
    held: list[Credential] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    addresses: tuple[str, ...] = ("root@example.org",)
    contact: str | None = None

    def __post_init__(self) -> None:
        self.held.append(Credential("forge gitlab", "reads projects", "TAGSTONE_FORGES__GITLAB__TOKEN", look=self.server))

    @property
    def looking(self) -> LookAtCredentials:
        sessions, clock = self.installation.sessions, self.installation.clock
        return LookAtCredentials(sessions, clock, lambda: self.held, "Our Site", self.addresses, self.contact)

    def round(self, days: float = 0.0) -> None:
        self.installation.clock.advance(days * DAY)
        self.looking.make_round(DAY, lambda name, what: self.told.append((name, what)))

    def letters(self) -> list[Notice]:
        with self.installation.sessions.read() as session:
            return list(session.query(Notice).order_by(Notice.id))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    installation = Installation(tmp_path)
    yield Scene(installation)
    installation.close()


def test_what_the_server_says_is_remembered_for_a_day(scene: Scene) -> None:
    scene.round()
    scene.round(0.5)
    assert scene.server.asked == 1
    scene.round(0.6)
    assert scene.server.asked == 2
    (known,) = scene.looking.listing()
    assert (known.may, known.expires_at, known.fault) == ("read_api", NOW + 100 * DAY, None)
    assert known.looked_at == pytest.approx(NOW + 1.1 * DAY)
    assert (scene.told, scene.letters()) == ([], [])


def test_admins_are_told_thirty_seven_and_one_days_before_and_when_it_has_ended(scene: Scene) -> None:
    days_left = []
    for _ in range(105):
        before = len(scene.letters())
        scene.round(1)
        if len(scene.letters()) > before:
            days_left.append(round((NOW + 100 * DAY - scene.installation.clock.now()) / DAY))
    assert days_left == [30, 7, 1, 0]
    assert [what for _, what in scene.told] == [*["ends on 2026-06-09"] * 3, "ended on 2026-06-09"]
    first = scene.letters()[0]
    assert first.address == "root@example.org"
    assert first.subject == "Our Site: forge gitlab ends on 2026-06-09"
    assert "TAGSTONE_FORGES__GITLAB__TOKEN" in first.text


def test_a_new_one_in_its_place_begins_anew(scene: Scene) -> None:
    scene.round(95)
    assert len(scene.letters()) == 1
    scene.server.says = Sight(("read_api",), (), NOW + 200 * DAY)
    scene.round(2)
    assert len(scene.letters()) == 1
    scene.round(80)
    assert len(scene.letters()) == 2


def test_one_that_is_no_good_is_told_once_until_it_is_good_again(scene: Scene) -> None:
    scene.server.says = Forbidden("GitLab does not accept the token.", remedy="Set a new one.")
    scene.round()
    scene.round(1.1)
    assert [letter.subject for letter in scene.letters()] == ["Our Site: forge gitlab is no good"]
    assert scene.looking.listing()[0].fault == "GitLab does not accept the token."
    scene.server.says = Sight(("api",))
    scene.round(1.1)
    assert scene.looking.listing()[0].fault is None
    scene.server.says = Sight(("read_api",), ("read_repository",))
    scene.round(1.1)
    assert len(scene.letters()) == 2
    assert scene.looking.listing()[0].fault == "It lacks read_repository."


def test_a_server_that_is_away_makes_nobody_write_and_nothing_forgotten(scene: Scene) -> None:
    scene.round()
    scene.server.says = Away("GitLab cannot be reached.")
    scene.round(1.1)
    known = scene.looking.listing()[0]
    assert (known.may, known.fault, known.looked_at) == ("read_api", None, NOW)
    assert scene.letters() == []
    assert scene.told == [("forge gitlab", "could not be looked at: GitLab cannot be reached.")]
    scene.round()
    assert scene.server.asked == 3, "it is asked again at the next round"


def test_trouble_with_one_keeps_no_other_from_being_looked_at(scene: Scene) -> None:
    other = Server()
    scene.held.append(Credential("mail", "sends letters", "TAGSTONE_MAIL__PASSWORD", look=other))
    scene.server.says = Away("GitLab cannot be reached.")
    scene.round()
    assert other.asked == 1


def test_peoples_own_tokens_are_listed_and_their_end_is_their_own_business(scene: Scene) -> None:
    scene.held[:] = [Credential("token 1", "lets a program read", "api_tokens", NOW + DAY, warn=None)]
    scene.round()
    assert scene.letters() == []
    assert scene.looking.listing()[0].expires_at == NOW + DAY


def test_what_is_held_no_more_is_forgotten(scene: Scene) -> None:
    scene.round()
    scene.held.clear()
    scene.round()
    with scene.installation.sessions.read() as session:
        assert session.query(CredentialRow).count() == 0


@pytest.mark.parametrize(
    ("addresses", "contact", "told"),
    [
        (("a@example.org", "b@example.org"), "c@example.org", ["a@example.org", "b@example.org"]),
        ((), "c@example.org", ["ada@example.org"]),
    ],
)
def test_whom_the_settings_name_is_told_else_the_admins(scene: Scene, addresses, contact, told) -> None:
    with scene.installation.sessions.write() as session:
        for number, role in enumerate((Role.ADMIN, Role.CURATOR)):
            row = Person(issuer="i", subject=str(number), name="x", created_at=NOW, seen_at=NOW, role=role)
            row.email = "ada@example.org" if role is Role.ADMIN else "curator@example.org"
            session.add(row)
    scene.addresses, scene.contact = addresses, contact
    scene.round(95)
    assert [letter.address for letter in scene.letters()] == told


def test_without_admins_the_sites_contact_is_told(scene: Scene) -> None:
    scene.addresses, scene.contact = (), "c@example.org"
    scene.round(95)
    assert [letter.address for letter in scene.letters()] == ["c@example.org"]


def test_a_use_is_noted_once_an_hour(scene: Scene) -> None:
    uses = NoteUses(scene.installation.sessions, scene.installation.clock)
    expected: list[float] = []
    for seconds in (0.0, 1800.0, 1801.0):
        scene.installation.clock.advance(seconds)
        uses.note("forge gitlab")
        expected.append(scene.looking.listing()[0].used_at or 0.0)
    assert expected == [NOW, NOW, NOW + 3601]


def test_a_locked_database_loses_no_more_than_the_note(scene: Scene, broken: Callable[[], None]) -> None:
    broken()
    NoteUses(scene.installation.sessions, scene.installation.clock).note("forge gitlab")


@pytest.fixture
def broken(scene: Scene) -> Callable[[], None]:
    """Lets the database refuse every write."""

    def break_it() -> None:
        with scene.installation.sessions.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE credentials")

    return break_it
