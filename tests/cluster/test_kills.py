"""A service that dies at any moment beside a real cluster: there is never a second Job for a run, and nothing of it is lost."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from cluster.faults import SECONDS
from cluster.rig import Bench, until
from rigs.fault_table import Record
from rigs.mortality import Life, die_at_every_moment
from rigs.runs import Rig
from tagstone.domain.runs.run import Outcome, OutputRules
from tagstone.errors import NotFound

# Who dies does not close what it had open.
pytestmark = [pytest.mark.kubernetes, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

OURS = "app.kubernetes.io/managed-by=tagstone"


@pytest.fixture
def given() -> dict[str, Any]:
    """A cluster that lets runs wait for nodes which it has not."""
    return {"grows": True}


def start(rig: Rig) -> None:
    """Start a run that no node takes."""
    rig.runner.start(rig.keys[-1], rig.spec("true", gpu=1))


def restart(rig: Rig, bench: Bench) -> None:
    """Another process takes the place of the runner."""
    bench.made.pop().close()
    rig.runner = bench.runner()


def ours(bench: Bench) -> list[str]:
    """What Tagstone has in the namespace."""
    return sorted(
        f"{kind} {one['metadata']['uid']}"
        for kind in ("jobs", "secrets")
        for one in bench.cluster.all(kind, bench.namespace, OURS)
    )


@pytest.mark.fault("service killed while it hands a run over")
def test_a_start_that_dies_is_taken_up_and_no_second_job_is_made(rig: Rig, bench: Bench, record_property: Record) -> None:
    def prepare() -> None:
        rig.key()
        restart(rig, bench)

    def judge(life: Life) -> None:
        restart(rig, bench)
        start(rig)
        made = ours(bench)
        restart(rig, bench)
        start(rig)
        assert ours(bench) == made, life.moments
        assert len([one for one in made if one.startswith("jobs")]) == len(rig.keys), life.moments

    died = die_at_every_moment(lambda: start(rig), prepare, judge)
    assert died > 20
    record_property("kills", died)
    record_property("ended", f"one Job each after {died} kills")
    assert len(ours(bench)) == 2 * len(rig.keys)


@pytest.mark.fault("service killed while it stops a run")
def test_a_stop_that_dies_is_finished_by_the_next_one(rig: Rig, bench: Bench, record_property: Record) -> None:
    def prepare() -> None:
        rig.key()
        start(rig)

    def judge(life: Life) -> None:
        restart(rig, bench)
        rig.runner.stop(rig.keys[-1])
        assert rig.runner.observe(rig.keys[-1]).outcome is Outcome.STOPPED, life.moments
        until(lambda: not bench.jobs(), SECONDS)
        start(rig)
        assert not bench.jobs(), "what was stopped began again"

    died = die_at_every_moment(lambda: rig.runner.stop(rig.keys[-1]), prepare, judge)
    assert died > 3
    record_property("kills", died)
    record_property("ended", f"stopped after {died} kills")


@pytest.mark.fault("service killed while it removes a run")
def test_a_removal_that_dies_is_finished_by_the_next_one(rig: Rig, bench: Bench, record_property: Record) -> None:
    def prepare() -> None:
        rig.key()
        start(rig)

    def judge(life: Life) -> None:
        restart(rig, bench)
        rig.runner.remove(rig.keys[-1])
        until(lambda: not ours(bench) and not bench.pods(), SECONDS)
        with pytest.raises(NotFound):
            rig.runner.observe(rig.keys[-1])

    died = die_at_every_moment(lambda: rig.runner.remove(rig.keys[-1]), prepare, judge)
    assert died > 5
    record_property("kills", died)
    record_property("ended", f"removed after {died} kills")


@pytest.mark.fault("service killed while it takes what a run left")
def test_an_end_that_dies_is_told_again_and_outputs_are_taken_all_the_same(
    rig: Rig, bench: Bench, tmp_path: Path, record_property: Record
) -> None:
    key = rig.key()
    rig.runner.start(key, rig.spec("echo x > out.txt; echo once"))
    until(lambda: bench.desk().told(key).done, SECONDS)
    home, before = bench.folder / "runs", tmp_path / "before"
    shutil.copytree(home, before)

    def take() -> list[str]:
        assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
        return [file.path for file in rig.runner.collect(key, OutputRules(("*.txt",)))]

    def prepare() -> None:
        shutil.rmtree(home)
        shutil.copytree(before, home)
        restart(rig, bench)

    def judge(life: Life) -> None:
        restart(rig, bench)
        assert take() == ["code.txt", "out.txt"], life.moments

    died = die_at_every_moment(take, prepare, judge)
    assert died > 5
    record_property("kills", died)
    record_property("ended", f"outputs and log are there after {died} kills")
    assert rig.whole_log(key) == b"once\n"
    assert len(bench.jobs()) == 1
