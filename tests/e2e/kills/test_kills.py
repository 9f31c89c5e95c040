"""Killed at any moment, a publication is resumed and ends with one image, one run and one deposit.

A moment lies before and after every call to the outside and before and after every commit. The quick suite kills around some
kinds of call; `make test-kills` kills at every single moment, and at many on PostgreSQL.
"""

import re
from collections.abc import Callable, Iterable

import pytest

from fakes.runner import FakeRunner
from fakes.trial import Trial
from tagstone.actions.verify import verify_bundle
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.publications.publication import State, Step
from tagstone.store import bundles, publications, steps

KILLED = -9
SHARDS = 8


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
    deposits = list((application.home / "depository" / "deposits").iterdir())
    runner, registry = application.runner, application.registry
    assert isinstance(runner, FakeRunner)
    assert isinstance(registry, OciLayout)
    assert runner.begun == 1
    assert len(deposits) == 1
    assert registry.tags(name) == ["v1.0.0"]
    assert {file.name for file in application.depository.list(deposits[0].name)} == {file.path for file in archived}
    application.engine.dispose()


def moments_of(trial: Trial) -> list[str]:
    """What an undisturbed publication goes through."""
    publication = trial.submit()
    assert trial.work() == 0, trial.log()
    assert_one_of_everything(trial, publication)
    return trial.moments()


def kill_and_resume(trial: Trial, fatal: int) -> None:
    publication = trial.submit()
    assert trial.work(fatal) == KILLED
    assert trial.work() == 0, trial.log()
    assert_one_of_everything(trial, publication)


def ends_of_calls(moments: Iterable[str]) -> list[int]:
    """The first and the last moment of each kind of call: where steps begin and end, and inside them."""
    seen: dict[str, list[int]] = {}
    for line in moments:
        number, name = line.split(" ", 1)
        if not re.search(r"logs|observe", name):
            seen.setdefault(name, []).append(int(number))
    return sorted({number for numbers in seen.values() for number in (numbers[0], numbers[-1])})


def test_a_publication_survives_kills_around_its_effects(
    new_trial: Callable[[], Trial], record_property: Callable[[str, object], None]
) -> None:
    chosen = ends_of_calls(moments_of(new_trial()))[::14]
    for fatal in chosen:
        kill_and_resume(new_trial(), fatal)
    record_property("kills", len(chosen))


@pytest.mark.kills
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_publication_survives_a_kill_at_every_single_moment(
    new_trial: Callable[[], Trial], record_property: Callable[[str, object], None], shard: int
) -> None:
    chosen = range(1 + shard, len(moments_of(new_trial())) + 1, SHARDS)
    for fatal in chosen:
        kill_and_resume(new_trial(), fatal)
    record_property("kills", len(chosen))


@pytest.mark.postgres
def test_a_publication_survives_kills_on_postgresql(
    new_trial: Callable[..., Trial], new_database: Callable[[], str], record_property: Callable[[str, object], None]
) -> None:
    chosen = ends_of_calls(moments_of(new_trial(new_database())))[::6]
    for fatal in chosen:
        kill_and_resume(new_trial(new_database()), fatal)
    record_property("kills", len(chosen))


def test_a_worker_killed_again_and_again_still_gets_there(new_trial: Callable[[], Trial]) -> None:
    trial = new_trial()
    publication = trial.submit()
    deaths = 0
    while trial.work(fatal=40) == KILLED:
        deaths += 1
        assert deaths < 50, trial.log()
    assert deaths > 1
    assert_one_of_everything(trial, publication)


def test_two_workers_on_one_publication_do_everything_once(new_trial: Callable[[], Trial]) -> None:
    trial = new_trial()
    publication = trial.submit()
    workers = [trial.start(), trial.start()]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0], trial.log()
    assert_one_of_everything(trial, publication)


def test_nothing_is_begun_again_once_it_is_published(new_trial: Callable[[], Trial]) -> None:
    trial = new_trial()
    publication = trial.submit()
    assert trial.work() == 0
    before = _calls(trial)
    assert trial.submit() == publication
    assert trial.work() == 0
    assert _calls(trial) == before


def _calls(trial: Trial) -> list[str]:
    """The calls to the outside; what a worker notes down in its rounds is no beginning."""
    return [line for line in (trial.folder / "home" / "moments").read_text().splitlines() if "commit" not in line]
