"""A service that dies at any moment: there is never a second Job for a run, and nothing of it is lost."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.clusters.conftest import Make
from rigs.clusters import FakeCluster
from rigs.mortality import Life, die_at_every_moment
from rigs.runs import Analysis
from tagstone.domain.runs.run import Outcome, OutputRules
from tagstone.errors import NotFound, Temporary

# Who dies does not close what it had open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Record = Callable[[str, object], None]
_RUN = Analysis(writes={"out.txt": "x"}, says="once")


def _jobs_ever(faked: FakeCluster) -> int:
    return sum(change.plural == "jobs" and change.how == "ADDED" for change in faked.api.world.history)


def _start(faked: FakeCluster, key: str) -> None:
    """Start as a workflow does: again where it shall be tried again."""
    for _ in range(50):
        try:
            faked.rig.start(_RUN, key)
        except Temporary:
            faked.api.turn()
        else:
            return
    raise AssertionError("it is tried for ever")


@pytest.mark.parametrize("release", [(1, 20), (1, 31)])
def test_a_start_that_dies_is_taken_up_and_no_second_job_is_made(
    make: Make, release: tuple[int, int], record_property: Record
) -> None:
    faked = make(release=release)
    faked.api.idle = True

    def prepare() -> None:
        faked.rig.key()
        faked.api.world.compact()
        faked.restart()

    def judge(life: Life) -> None:
        faked.restart()
        _start(faked, faked.rig.keys[-1])
        assert _jobs_ever(faked) == 1, life.moments
        assert faked.rig.runner.observe(faked.rig.keys[-1]).running

    died = die_at_every_moment(lambda: faked.rig.start(_RUN, faked.rig.keys[-1]), prepare, judge)
    assert died > 20
    record_property("kills", died)
    assert len(faked.api.all("jobs")) == len(faked.api.all("secrets")) == len(faked.rig.keys)
    taken_up = faked.rig.keys.pop(died // 2)
    for key in faked.rig.keys:
        faked.rig.runner.remove(key)
    faked.api.idle = False
    assert faked.rig.until_ended(taken_up).outcome is Outcome.SUCCEEDED
    assert faked.rig.whole_log(taken_up) == b"once"


def test_a_removal_that_dies_is_finished_by_the_next_one(faked: FakeCluster, record_property: Record) -> None:
    faked.api.idle = True
    key = faked.rig.key()

    def prepare() -> None:
        _start(faked, key)

    def judge(life: Life) -> None:
        faked.restart()
        faked.rig.runner.remove(key)
        faked.api.turn()
        assert faked.api.all("jobs") == faked.api.all("secrets") == faked.api.pods() == [], life.moments
        with pytest.raises(NotFound):
            faked.rig.runner.observe(key)

    died = die_at_every_moment(lambda: faked.rig.runner.remove(key), prepare, judge)
    assert died > 5
    record_property("kills", died)


def test_a_stop_that_dies_is_finished_by_the_next_one(faked: FakeCluster, record_property: Record) -> None:
    faked.api.idle = True

    def prepare() -> None:
        _start(faked, faked.rig.key())

    def judge(life: Life) -> None:
        faked.restart()
        faked.rig.runner.stop(faked.rig.keys[-1])
        assert faked.rig.until_ended(faked.rig.keys[-1]).outcome is Outcome.STOPPED, life.moments
        faked.api.turn()
        assert faked.api.all("jobs") == []
        faked.rig.start(_RUN, faked.rig.keys[-1])
        assert faked.api.all("jobs") == [], "what was stopped began again"

    died = die_at_every_moment(lambda: faked.rig.runner.stop(faked.rig.keys[-1]), prepare, judge)
    assert died > 3
    record_property("kills", died)


def test_an_end_that_dies_is_told_again_and_outputs_are_taken_all_the_same(
    faked: FakeCluster, tmp_path: Path, record_property: Record
) -> None:
    key = faked.rig.start(_RUN)
    while not faked.stand.desk.told(key).done:
        faked.api.turn()
    faked.api.idle = True
    home, before = faked.stand.folder / "runs", tmp_path / "before"
    shutil.copytree(home, before)

    def prepare() -> None:
        shutil.rmtree(home)
        shutil.copytree(before, home)
        faked.restart()

    def act() -> None:
        faked.rig.until_ended(key)
        faked.rig.runner.collect(key, OutputRules(("*.txt",)))

    def judge(life: Life) -> None:
        faked.restart()
        assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED, life.moments
        found = faked.rig.runner.collect(key, OutputRules(("*.txt",)))
        assert [file.path for file in found] == ["code.txt", "out.txt"]

    died = die_at_every_moment(act, prepare, judge)
    assert died > 5
    record_property("kills", died)
    assert _jobs_ever(faked) == 1


def test_the_desk_that_dies_with_the_service_loses_nothing(make: Make) -> None:
    faked = make()
    key = faked.rig.start(Analysis(writes={"out.txt": "x"}, says="once", endless=True))
    faked.rig.until_said(key)
    with faked.desk_away():
        faked.restart()
        assert faked.rig.runner.observe(key).running
        faked.rig.runner.stop(key)
    assert faked.rig.until_ended(key).outcome is Outcome.STOPPED
    assert faked.rig.whole_log(key) == b"once"
    assert [file.path for file in faked.rig.runner.collect(key, OutputRules(("out.txt",)))] == ["out.txt"]
    assert _jobs_ever(faked) == 1
