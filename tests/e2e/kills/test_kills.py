"""Killed at any moment, a publication is resumed and ends with one image, one run and one deposit.

A moment lies before and after every call to the outside and before and after every commit. The quick suite kills at the
beginning, in the middle and at the end of each step; the others (marker `kills`) kill at every single moment.
"""

import re
from collections.abc import Callable

import pytest
from fakes.runner import FakeRunner
from fakes.trial import Trial

from tagstone.actions.verify import verify_bundle
from tagstone.domain.publication import State, Step
from tagstone.store import bundles, publications, steps

KILLED = -9


def assert_one_of_everything(trial: Trial, publication: str) -> None:
    application = trial.application
    with application.sessions.read() as session:
        row = publications.get(session, publication)
        assert row.state == State.PUBLISHED, f"{row.state}: {row.error}\n{trial.log()[-3000:]}"
        assert {step.step: step.state for step in steps.of(session, publication)} == dict.fromkeys(Step, "done")
        archived = bundles.files(session, publication)
        assert row.bundle_key is not None
        assert verify_bundle(application.home / row.bundle_key, archived).intact
        name = str(row.image).partition("@")[0]
    deposits = [path for path in (application.home / "depository" / "deposits").iterdir()]
    runner = application.runner
    assert isinstance(runner, FakeRunner)
    assert runner.begun == 1
    assert len(deposits) == 1, deposits
    assert application.registry.tags(name) == ["v1.0.0"]  # type: ignore[attr-defined]  # the OCI layout's own
    assert {file.name for file in application.depository.list(deposits[0].name)} == {file.path for file in archived}
    application.engine.dispose()


def moments_of(new_trial: Callable[[], Trial]) -> list[str]:
    """What an undisturbed publication goes through."""
    trial = new_trial()
    publication = trial.submit()
    assert trial.work() == 0, trial.log()
    assert_one_of_everything(trial, publication)
    return trial.moments()


def kill_and_resume(new_trial: Callable[[], Trial], fatal: int) -> None:
    trial = new_trial()
    publication = trial.submit()
    assert trial.work(fatal) == KILLED
    assert trial.work() == 0, trial.log()
    assert_one_of_everything(trial, publication)


def effects(moments: list[str]) -> list[int]:
    """The first and last moment of each kind of call: where steps begin and end, and inside them."""
    seen: dict[str, list[int]] = {}
    for line in moments:
        number, name = line.split(" ", 1)
        seen.setdefault(name, []).append(int(number))
    calls = {name: numbers for name, numbers in seen.items() if not re.search(r"logs|observe|commit", name)}
    return sorted({number for numbers in calls.values() for number in (numbers[0], numbers[-1])})


def test_a_publication_survives_a_kill_around_each_kind_of_effect(new_trial: Callable[[], Trial], capsys: pytest.CaptureFixture[str]) -> None:
    chosen = effects(moments_of(new_trial))[::6]
    for fatal in chosen:
        kill_and_resume(new_trial, fatal)
    with capsys.disabled():
        print(f"\n{len(chosen)} of {len(chosen)} kills ended well")


@pytest.mark.kills
def test_a_publication_survives_a_kill_at_every_single_moment(new_trial: Callable[[], Trial], capsys: pytest.CaptureFixture[str]) -> None:
    total = len(moments_of(new_trial))
    for fatal in range(1, total + 1):
        kill_and_resume(new_trial, fatal)
    with capsys.disabled():
        print(f"\n{total} of {total} kills ended well")
