"""Killed around its rest and around its release, what waits for approval is released once, and never without a yes."""

from collections.abc import Callable

import pytest

from fakes.actors import ADA
from fakes.small_project import MANIFEST, commit
from fakes.trial import Trial
from tagstone.actions.approve import approve
from tagstone.domain.publications.publication import State, Step
from tagstone.store import publications, steps

KILLED = -9


def reviewed(trial: Trial) -> str:
    """A publication that asks for a review."""
    repository = trial.folder / "wobble"
    (repository / "tagstone.yml").write_text(MANIFEST + "deposit: {review: true}\n")
    commit(repository, "v1.0.0")
    return trial.submit()


def say_yes(trial: Trial, publication: str) -> None:
    application = trial.application
    with application.sessions.write() as session:
        approve(session, application.queue, 5.0, publication, publications.get(session, publication).attempt, ADA)
    application.engine.dispose()


def assert_rests(trial: Trial, publication: str) -> None:
    application = trial.application
    with application.sessions.read() as session:
        assert steps.rests(session, publication, Step.REVIEW), trial.log()[-3000:]
        assert not steps.was_begun(session, publication, Step.RELEASE)
    application.engine.dispose()


def assert_released_once(trial: Trial, publication: str) -> None:
    application = trial.application
    with application.sessions.read() as session:
        row = publications.get(session, publication)
        assert (row.state, row.approved_by) == (State.PUBLISHED, "ada"), f"{row.error}\n{trial.log()[-3000:]}"
    assert len(list((application.home / "depository" / "deposits").iterdir())) == 1
    application.engine.dispose()


def ends(trial: Trial) -> tuple[int, int]:
    """How many moments an undisturbed publication has until its rest, and from then on."""
    publication = reviewed(trial)
    assert trial.work() == 0, trial.log()
    assert_rests(trial, publication)
    before = len(trial.moments())
    say_yes(trial, publication)
    assert trial.work() == 0, trial.log()
    assert_released_once(trial, publication)
    return before, len(trial.moments()) - before


def kill(new_trial: Callable[[], Trial], at_rest: int | None, at_release: int | None) -> None:
    trial = new_trial()
    publication = reviewed(trial)
    if at_rest is not None:
        assert trial.work(at_rest) == KILLED
    assert trial.work() == 0, trial.log()
    assert_rests(trial, publication)
    say_yes(trial, publication)
    if at_release is not None:
        assert trial.work(at_release) == KILLED
    assert trial.work() == 0, trial.log()
    assert_released_once(trial, publication)


def test_it_survives_kills_around_its_rest_and_its_release(
    new_trial: Callable[[], Trial], record_property: Callable[[str, object], None]
) -> None:
    before, after = ends(new_trial())
    kill(new_trial, before, after // 2)
    kill(new_trial, before - 3, after - 1)
    record_property("kills", 4)


@pytest.mark.kills
@pytest.mark.parametrize("shard", range(4))
def test_it_survives_a_kill_at_every_moment_around_its_rest_and_release(
    new_trial: Callable[[], Trial], record_property: Callable[[str, object], None], shard: int
) -> None:
    before, after = ends(new_trial())
    chosen = range(1 + shard, after + 1, 4)
    for number in chosen:
        kill(new_trial, max(1, before - number), number)
    record_property("kills", 2 * len(chosen))
