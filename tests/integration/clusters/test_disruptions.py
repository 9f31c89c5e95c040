"""What is done to a run from outside, and how it can end in spite of itself: the right reason each, with what it left."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from integration.clusters.conftest import Make
from rigs.clusters import FakeCluster
from rigs.runs import Analysis
from tagstone.domain.runs.run import Outcome, OutputRules

_ENDLESS = Analysis(writes={"out.txt": "x"}, says="begun", endless=True)


def _pod(faked: FakeCluster) -> dict[str, Any]:
    (pod,) = [pod for pod in faked.api.pods() if "deletionTimestamp" not in pod["metadata"]]
    return pod


def _running(faked: FakeCluster) -> str:
    key = faked.rig.start(_ENDLESS)
    faked.rig.until_said(key)
    return key


_TAKEN: dict[str, Callable[[FakeCluster], object]] = {
    "evicted": lambda faked: faked.api.evict(_pod(faked), "The node was low on resource: memory."),
    "deleted": lambda faked: faked.api.delete_pod(_pod(faked)),
    "deleted by force": lambda faked: faked.api.delete_pod(_pod(faked), by_force=True),
    "drained": lambda faked: faked.api.drain("node"),
    "its node removed": lambda faked: faked.api.remove_node("node"),
}


@pytest.mark.parametrize("release", [(1, 20), (1, 31)])
@pytest.mark.parametrize("how", _TAKEN)
def test_what_is_taken_away_is_not_the_author_s_failure_and_begins_again(
    make: Make, how: str, release: tuple[int, int]
) -> None:
    faked = make(release=release)
    key = _running(faked)
    _TAKEN[how](faked)
    status = faked.rig.until_ended(key)
    assert status.outcome is Outcome.DISRUPTED, status
    assert status.detail
    faked.rig.runner.remove(key)
    faked.rig.start(Analysis(says="again"), key)
    if how in ("drained", "its node removed"):
        # Having no node is no reason to give up: one comes.
        faked.api.node("another")
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert faked.rig.whole_log(key) == b"again"


def test_a_node_that_is_lost_takes_its_runs_with_it(faked: FakeCluster) -> None:
    key = _running(faked)
    faked.api.lose_node("node")
    faked.api.advance(301)
    assert faked.rig.until_ended(key).outcome is Outcome.DISRUPTED


def test_a_kubelet_that_stops_and_starts_changes_nothing(faked: FakeCluster) -> None:
    key = faked.rig.start(Analysis(writes={"out.txt": "x"}, says="done"))
    while not any(pod["status"].get("containerStatuses") for pod in faked.api.pods()):
        faked.rig.runner.observe(key)
    faked.api.lose_node("node")
    assert faked.rig.runner.observe(key).outcome in (None, Outcome.SUCCEEDED)
    faked.api.find_node("node")
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED


def test_what_ran_out_of_memory_is_told_and_what_it_left_is_kept(faked: FakeCluster) -> None:
    key = _running(faked)
    faked.api.kill(_pod(faked), "run")
    status = faked.rig.until_ended(key)
    assert (status.outcome, status.exit_code) == (Outcome.OUT_OF_MEMORY, 137)
    assert status.remedy
    assert faked.rig.whole_log(key) == b"begun"
    assert [file.path for file in faked.rig.runner.collect(key, OutputRules(("out.txt",)))] == ["out.txt"]


def test_what_ignores_its_end_is_killed_and_what_it_left_is_kept(faked: FakeCluster) -> None:
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("trap '' TERM; echo x > out.txt; while :; do sleep 1; done", time=1))
    assert faked.rig.until_ended(key).outcome is Outcome.TIME_LIMIT
    assert [file.path for file in faked.rig.runner.collect(key, OutputRules(("out.txt",)))] == ["out.txt"]


def test_a_job_that_somebody_deletes_is_not_the_author_s_failure(faked: FakeCluster) -> None:
    key = _running(faked)
    with faked.api.world.changed:
        (job,) = faked.api.world.all("jobs")
        faked.api.world.remove("jobs", job)
    assert faked.rig.until_ended(key).outcome is Outcome.DISRUPTED


def test_dollars_and_quotes_reach_the_command_as_they_were_written(faked: FakeCluster) -> None:
    key = faked.rig.key()
    asked = replace(faked.rig.spec(), command=("echo", "$(GREETING) $$ $HOME \"'\\"), env=(("GREETING", "$(HOME)$$"),))
    faked.rig.runner.start(key, asked)
    faked.rig.until_ended(key)
    assert faked.rig.whole_log(key) == b"$(GREETING) $$ $HOME \"'\\\n"
