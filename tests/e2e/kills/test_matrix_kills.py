"""Killed at any moment of a half finished matrix, a publication goes on with what is left: every combination is run once."""

from collections import Counter
from collections.abc import Callable

import pytest

from fakes.runner import FakeRunner
from fakes.small_project import MANIFEST, commit
from fakes.trial import Trial
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State
from tagstone.store import publications

KILLED = -9
MATRIX = MANIFEST.replace(
    "run: {command: [python3, analysis.py]}",
    'run: {command: [python3, "{seed}"], matrix: {seed: [1, 2]}, parallel: 2}',
)
SHARDS = 4


@pytest.fixture
def new_matrix(new_trial: Callable[[], Trial]) -> Callable[[], Trial]:
    """Makes a trial whose repository asks for two runs at once."""

    def make() -> Trial:
        trial = new_trial()
        (trial.folder / "wobble" / "tagstone.yml").write_text(MATRIX)
        commit(trial.folder / "wobble", "v1.0.0")
        return trial

    return make


def assert_each_once(trial: Trial, publication: str) -> None:
    application = trial.application
    with application.sessions.read() as session:
        row = publications.get(session, publication)
    assert row.state == State.PUBLISHED, f"{row.state}: {row.error}\n{trial.log()[-3000:]}"
    facts = record.load(str(row.facts).encode())
    assert [one.combination.number for one in facts.matrix] == [1, 2]
    assert [file.path for file in facts.outputs] == [f"{number}-seed={number}/results/table.csv" for number in (1, 2)]
    runner = application.runner
    assert isinstance(runner, FakeRunner)
    begun = Counter((runner.folder / "begun").read_text().split())
    assert begun == {f"{publication}-1-{number}": 1 for number in (1, 2)}
    assert list(runner.folder.glob("*.json")) == [], "nothing is left with the runner"
    application.engine.dispose()


def moments_of_the_runs(trial: Trial) -> list[int]:
    """The moments from the first run's start to the last one's removal."""
    publication = trial.submit()
    assert trial.work() == 0, trial.log()
    assert_each_once(trial, publication)
    numbered = [line.split(" ", 1) for line in trial.moments()]
    within = [int(number) for number, name in numbered if "runner." in name]
    return list(range(min(within), max(within) + 1))


def kill_and_resume(trial: Trial, fatal: int) -> None:
    publication = trial.submit()
    assert trial.work(fatal) == KILLED
    assert trial.work() == 0, trial.log()
    assert_each_once(trial, publication)


def test_a_half_finished_matrix_survives_kills(
    new_matrix: Callable[[], Trial], record_property: Callable[[str, object], None]
) -> None:
    within = moments_of_the_runs(new_matrix())
    chosen = within[len(within) // 4 :: len(within) // 3]
    for fatal in chosen:
        kill_and_resume(new_matrix(), fatal)
    record_property("kills", len(chosen))


@pytest.mark.kills
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_matrix_survives_a_kill_at_every_single_moment(
    new_matrix: Callable[[], Trial], record_property: Callable[[str, object], None], shard: int
) -> None:
    chosen = moments_of_the_runs(new_matrix())[shard::SHARDS]
    for fatal in chosen:
        kill_and_resume(new_matrix(), fatal)
    record_property("kills", len(chosen))
