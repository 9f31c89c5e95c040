"""Credentials are looked after by rounds of a worker: once an hour at most, and trouble with some keeps nobody from the others."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from fakes.installation import NOW
from tagstone.actions.look_at_credentials import LookAtCredentials
from tagstone.actions.rotate_tokens import RotateTokens
from tagstone.domain.credentials.credential import DAY, Credential, Sight
from tagstone.errors import Away, Permanent
from tagstone.workflows.watch import Keys

Place = Any  # the fixture's class lives in conftest.py, which cannot be imported


class Rotating:
    """Rotates nothing, and tells so; or breaks."""

    def __init__(self) -> None:
        self.rounds = 0
        self.trouble: Exception | None = None

    def make_round(self, tell: Any) -> None:
        self.rounds += 1
        if self.trouble is not None:
            raise self.trouble
        tell("stars/wobble", "its access token was rotated")


@pytest.fixture
def rotating() -> Rotating:
    return Rotating()


def keys(place: Place, rotating: Rotating | None, looks: list[float], ends: float = NOW + 5 * DAY) -> Keys:
    def look() -> Sight:
        looks.append(place.installation.clock.now())
        return Sight(("read_api",), (), ends)

    held = [Credential("forge gitlab", "reads projects", "TAGSTONE_FORGES__GITLAB__TOKEN", look=look)]
    sessions, clock = place.installation.sessions, place.installation.clock
    looking = LookAtCredentials(sessions, clock, lambda: held, "Our Site", ("root@example.org",))
    return Keys(looking, cast("RotateTokens | None", rotating))


def test_they_are_looked_at_once_a_day_and_rotated_once_an_hour(place: Place, rotating: Rotating) -> None:
    watch, looks = place.watch(), list[float]()
    for _ in range(49):
        watch.guard(keys(place, rotating, looks))
        watch.guard(keys(place, rotating, looks))
        place.later(3600)
    assert (len(looks), rotating.rounds) == (3, 49)


def test_a_worker_that_was_just_started_asks_nobody_again(place: Place, rotating: Rotating) -> None:
    looks = list[float]()
    place.watch().guard(keys(place, rotating, looks))
    place.watch().guard(keys(place, rotating, looks))
    assert looks == [NOW]


def test_what_ends_soon_is_in_the_log_and_in_a_letter(place: Place) -> None:
    watch = place.watch()
    with capture_logs() as logs:
        watch.guard(keys(place, None, []))
    (line,) = [one for one in logs if one["log_level"] == "warning"]
    assert (line["credential"], line["what"]) == ("forge gitlab", "ends on 2026-03-06")
    watch.tell_and_ask()
    assert [(address, subject) for address, subject, _ in place.mail.letters] == [
        ("root@example.org", "Our Site: forge gitlab ends on 2026-03-06")
    ]


@pytest.mark.parametrize("trouble", [Away("GitLab is away."), Permanent("Strange.", remedy="Look."), ZeroDivisionError()])
def test_trouble_with_rotating_keeps_nobody_from_being_warned(place: Place, rotating: Rotating, trouble: Exception) -> None:
    rotating.trouble, looks = trouble, list[float]()
    place.watch().guard(keys(place, rotating, looks))
    assert looks == [NOW]
