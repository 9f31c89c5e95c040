"""Tokens that projects lend are rotated before they end, never twice, and a new one that is lost is told."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from fakes.installation import NOW, Installation
from fakes.job import Pipelines
from fakes.registrar import FakeRegistrar
from tagstone.actions.rotate_tokens import RotateTokens
from tagstone.adapters.vault import FernetVault
from tagstone.domain.credentials.credential import DAY, Sight
from tagstone.domain.forges.registration import Standing
from tagstone.domain.forges.remote import RemoteProject
from tagstone.errors import Away, Forbidden, Invalid, TagstoneError, Temporary
from tagstone.store import audit, registrations
from tagstone.store.audit import Wanted
from tagstone.store.tables import Registration

OLD = "glpat-the-old-one"


@dataclass
class Gitlab(FakeRegistrar):
    """A registrar whose tokens can be looked at; those that were rotated are worth nothing, and make all others worth nothing."""

    now: float = NOW
    good: set[str] = field(default_factory=lambda: {OLD})
    ends: float = NOW + 5 * DAY
    away: TagstoneError | None = None
    longest: int = 364
    asked: list[int] = field(default_factory=list)

    def rotate(self, project: RemoteProject, token: str, days: int) -> tuple[str, float]:
        self.asked.append(days)
        if days > self.longest:
            raise Invalid("GitLab refuses it: too long.", remedy="Shorter.")
        if token not in self.good:
            self.good.clear()
            raise Forbidden("GitLab does not accept the token.", remedy="Set a new one.")
        self.good, self.ends = {f"{token}+"}, self.now + days * DAY
        self._lose()
        return f"{token}+", self.ends

    def look(self, forge: str, token: str) -> Sight:
        if self.away is not None:
            raise self.away
        if token not in self.good:
            raise Forbidden("GitLab does not accept the token.", remedy="Set a new one.")
        return Sight(("api",), (), self.ends)


@dataclass
class Scene:
    """A registered project that lends a token."""

    installation: Installation
    gitlab: Gitlab = field(default_factory=Gitlab)
    vault: FernetVault = field(default_factory=lambda: FernetVault([Fernet.generate_key().decode()]))
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pipelines = Pipelines(self.installation)
        self.pipelines.register()
        with self.installation.sessions.write() as session:
            registrations.standing(session, Standing.ACTIVE)[0].token = self.vault.seal(OLD)

    def round(self) -> None:
        self.gitlab.now = self.installation.clock.now()
        rotating = RotateTokens(
            self.installation.sessions,
            self.vault,
            self.pipelines.forges,
            self.gitlab,
            self.gitlab.look,
            self.installation.clock,
        )
        rotating.make_round(lambda project, what: self.told.append((project, what)))

    def change(self, **columns: object) -> None:
        with self.installation.sessions.write() as session:
            for name, value in columns.items():
                setattr(session.query(Registration).one(), name, value)

    def lent(self) -> str | None:
        with self.installation.sessions.read() as session:
            found = registrations.lending(session)
        return self.vault.unseal(found[0].token or "") if found else None

    def deeds(self) -> list[str]:
        with self.installation.sessions.read() as session:
            return [row.deed for row in reversed(audit.newest(session, Wanted(), 10))]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    installation = Installation(tmp_path)
    yield Scene(installation)
    installation.close()


def test_one_that_ends_soon_is_replaced_sealed_and_written_down(scene: Scene) -> None:
    scene.round()
    assert scene.lent() == OLD + "+"
    assert scene.gitlab.good == {OLD + "+"}
    with scene.installation.sessions.read() as session:
        row = registrations.lending(session)[0]
        assert (row.token_expires_at, row.rotating_at) == (NOW + 364 * DAY, None)
        assert OLD not in (row.token or "")
        assert [OLD in one.detail for one in audit.newest(session, Wanted(), 10)] == [False]
    assert scene.deeds() == ["token-rotated"]
    scene.round()
    assert scene.gitlab.asked == [364]


def test_one_that_lasts_is_left_alone(scene: Scene) -> None:
    scene.gitlab.ends = NOW + 11 * DAY
    scene.round()
    scene.installation.clock.advance(0.5 * DAY)
    scene.round()
    assert scene.gitlab.asked == []
    scene.installation.clock.advance(DAY)
    scene.round()
    assert scene.gitlab.asked == [364]


def test_a_project_that_wants_to_keep_its_token_keeps_it(scene: Scene) -> None:
    scene.change(rotates=False)
    scene.round()
    assert (scene.gitlab.asked, scene.lent()) == ([], OLD)


def test_a_site_that_allows_less_time_is_asked_for_less(scene: Scene) -> None:
    scene.gitlab.longest = 60
    scene.round()
    assert (scene.gitlab.asked, scene.lent()) == ([364, 90, 30], OLD + "+")


def test_what_is_refused_has_not_happened(scene: Scene) -> None:
    scene.gitlab.longest = 0
    scene.round()
    assert scene.lent() == OLD
    assert scene.told == [("stars/wobble", "GitLab refuses it: too long.")]
    scene.gitlab.longest = 364
    scene.round()
    assert scene.lent() == OLD + "+"


@pytest.mark.parametrize("error", [Temporary("GitLab gave no answer."), Away("GitLab is in trouble (502).")])
def test_a_new_one_whose_answer_was_lost_is_told_and_never_asked_for_again(scene: Scene, error: TagstoneError) -> None:
    scene.gitlab.losing = error
    scene.round()
    assert scene.lent() == OLD
    scene.round()
    assert scene.lent() is None
    assert scene.deeds() == ["token-lost"]
    assert "a maintainer has to lend another" in scene.told[-1][1]
    scene.round()
    assert scene.gitlab.asked == [364], "rotating the old one again would revoke all that followed"


def test_one_that_was_not_rotated_after_all_is_rotated_then(scene: Scene) -> None:
    scene.change(rotating_at=NOW - 60)
    scene.round()
    assert scene.lent() == OLD + "+"
    assert scene.deeds() == ["token-rotated"]


def test_while_the_forge_is_away_nothing_is_lost(scene: Scene) -> None:
    scene.change(rotating_at=NOW - 60)
    scene.gitlab.away = Away("GitLab cannot be reached.")
    scene.round()
    assert (scene.lent(), scene.gitlab.asked) == (OLD, [])
    scene.gitlab.away = None
    scene.round()
    assert scene.lent() == OLD + "+"


def test_trouble_with_one_project_keeps_no_other_waiting(scene: Scene) -> None:
    scene.change(token="what nobody sealed")
    scene.pipelines.register(18, "stars/timing")
    with scene.installation.sessions.write() as session:
        session.query(Registration).filter_by(remote=18).one().token = scene.vault.seal(OLD)
    scene.round()
    assert scene.gitlab.asked == [364]
    assert scene.told[0][0] == "stars/wobble"


def test_what_was_lent_meanwhile_is_not_overwritten(scene: Scene) -> None:
    other = scene.vault.seal("glpat-another")

    def meanwhile(project: RemoteProject, token: str, days: int) -> tuple[str, float]:
        scene.change(token=other)
        return f"{token}+", NOW + days * DAY

    scene.gitlab.rotate = meanwhile  # type: ignore[method-assign]
    scene.round()
    assert scene.lent() == "glpat-another"
