"""An API that is away, forgets, answers late or not at all: every run is found again, and none is doubled."""

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.gitlab.calls import Reply
from integration.clusters.conftest import Make
from rigs.clusters import NAMESPACE, FakeCluster
from rigs.pods import until
from rigs.runs import Analysis
from tagstone.adapters.kubernetes.tried import remember
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.runs.run import Outcome
from tagstone.errors import Away, Conflict, TagstoneError, Temporary

_RUN = Analysis(says="once")


def _jobs_ever(faked: FakeCluster) -> int:
    return sum(change.plural == "jobs" and change.how == "ADDED" for change in faked.api.world.history)


def _succeeds(faked: FakeCluster, key: str) -> None:
    """Start it as a workflow does: again where that shall be tried again."""
    for _ in range(50):
        try:
            faked.rig.start(_RUN, key)
            break
        except Temporary:
            continue
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert faked.rig.whole_log(key) == b"once"
    assert _jobs_ever(faked) == 1


@pytest.mark.parametrize(
    "what", ["POST .*/secrets", "POST .*/jobs", "PATCH .*/secrets", "GET .*/jobs/", "GET /version", "POST .*/networkpolicies"]
)
def test_an_answer_that_is_lost_is_asked_for_again(faked: FakeCluster, what: str) -> None:
    key = faked.rig.key()
    faked.api.faults.lost(what)
    with pytest.raises(Away):
        faked.rig.start(_RUN, key)
    _succeeds(faked, key)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (409, "POST .*/networkpolicies"),
        (409, "PUT .*/networkpolicies/"),
        (404, "PUT .*/networkpolicies/"),
        (409, "POST .*/secrets"),
        (409, "POST .*/jobs"),
        (409, "PATCH .*/secrets"),
        (404, "PATCH .*/secrets"),
    ],
)
def test_what_somebody_else_writes_at_the_same_moment_is_tried_again_soon(faked: FakeCluster, status: int, what: str) -> None:
    faked.api.idle = True
    wanted = {one["metadata"]["name"]: one["spec"] for one in faked.stand.place.policies}
    if what.startswith("PUT"):
        one, *_ = faked.stand.place.policies
        faked.api.make("networkpolicies", {**one, "spec": {**one["spec"], "egress": [{}]}})
    key = faked.rig.key()
    faked.api.faults.status(status, what)
    with pytest.raises(Temporary) as refused:
        faked.rig.start(_RUN, key)
    assert refused.value.delay <= 1.0
    faked.rig.start(_RUN, key)
    assert {one["metadata"]["name"]: one["spec"] for one in faked.api.all("networkpolicies")} == wanted
    (job,), (secret,) = faked.api.all("jobs"), faked.api.all("secrets")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert _jobs_ever(faked) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 504])
def test_trouble_of_the_api_passes(faked: FakeCluster, status: int) -> None:
    key = faked.rig.key()
    faked.api.faults.status(status, "POST .*/jobs", times=2)
    for _ in range(2):
        with pytest.raises(Away):
            faked.rig.start(_RUN, key)
    _succeeds(faked, key)


def test_an_api_that_is_away_is_temporary_and_its_runs_are_found_again(faked: FakeCluster) -> None:
    key = faked.rig.start(_RUN)
    with faked.api.down(), pytest.raises(Away):
        faked.restart()
        faked.rig.runner.observe(key)
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert _jobs_ever(faked) == 1


def test_a_run_goes_on_while_the_api_is_away(faked: FakeCluster) -> None:
    key = faked.rig.start(Analysis(says="begun", writes={"out.txt": "x"}, endless=True))
    faked.rig.until_said(key)
    until(lambda: faked.stand.desk.told(key).keeping.started_at is not None)
    with faked.api.down():
        try:
            assert faked.rig.runner.observe(key).running
        except Away:
            assert faked.rig.whole_log(key) == b"begun"
        faked.rig.runner.stop(key)
        until(lambda: faked.stand.desk.told(key).done)
    assert faked.rig.until_ended(key).outcome is Outcome.STOPPED


def test_a_watch_whose_history_is_forgotten_lists_anew(faked: FakeCluster) -> None:
    key = faked.rig.start(Analysis(says="begun", endless=True))
    faked.rig.until_said(key)
    listed = faked.api.calls("list", "pods")
    with faked.api.world.changed:
        faked.api.watches.cut()
        faked.api.make("configmaps", {"metadata": {"name": "something-else", "namespace": NAMESPACE}})
        faked.api.world.compact()
    until(lambda: faked.api.calls("list", "pods") > listed)
    faked.rig.runner.stop(key)
    assert faked.rig.until_ended(key).outcome is Outcome.STOPPED


def test_where_nothing_may_be_watched_it_is_listed_again_and_again(faked: FakeCluster) -> None:
    faked.api.access.taken |= {("watch", "jobs"), ("watch", "pods")}
    key = faked.rig.start(_RUN)
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert faked.api.watches.open == 0


def test_many_runs_wait_with_one_watch_for_pods_and_one_for_jobs(faked: FakeCluster) -> None:
    faked.api.idle = True
    keys = [faked.rig.start(_RUN) for _ in range(20)]
    while faked.api.watches.open < 2:
        faked.rig.runner.observe(keys[0])
    before = len(faked.api.asked)
    assert all(faked.rig.runner.observe(key).running for key in keys for _ in range(3))
    assert faked.api.watches.open == 2
    assert len(faked.api.asked) - before <= 2 * len(keys)


def test_a_job_of_somebody_else_is_left_alone(faked: FakeCluster) -> None:
    key = faked.rig.start(_RUN)
    (job,) = faked.api.all("jobs")
    faked.rig.runner.remove(key)
    until(lambda: not faked.api.all("jobs"))
    job["metadata"]["labels"]["org.tagstone.installation"] = "another"
    faked.api.idle = True
    faked.api.make("jobs", job)
    with pytest.raises(Conflict, match="Somebody else"):
        faked.rig.start(_RUN, key)
    assert [one["metadata"]["labels"]["org.tagstone.installation"] for one in faked.api.all("jobs")] == ["another"]


def test_a_token_that_is_not_known_is_said(faked: FakeCluster) -> None:
    faked.api.access.token = "another"
    with pytest.raises(TagstoneError) as refused:
        faked.rig.start(_RUN)
    assert not isinstance(refused.value, Temporary)
    assert refused.value.remedy


def test_an_answer_that_is_no_json_is_trouble_that_may_pass(faked: FakeCluster) -> None:
    faked.api.faults.answers(Reply(200, body=b"<html>a proxy</html>"), "GET /version")
    with pytest.raises(Away):
        faked.rig.start(_RUN)


def test_an_old_release_runs_it_all_the_same(make: Make) -> None:
    faked = make(release=(1, 20))
    key = faked.rig.start(_RUN)
    status = faked.rig.until_ended(key)
    assert (status.outcome, status.engine[:16]) == (Outcome.SUCCEEDED, "Kubernetes v1.20")


def test_network_policies_are_there_before_the_first_run(faked: FakeCluster) -> None:
    faked.rig.start(_RUN)
    wanted = {one["metadata"]["name"]: one["spec"] for one in faked.stand.place.policies}
    kept = {one["metadata"]["name"]: one for one in faked.api.all("networkpolicies")}
    assert {name: one["metadata"]["namespace"] for name, one in kept.items()} == dict.fromkeys(wanted, NAMESPACE)
    plurals = [change.plural for change in faked.api.world.history if change.plural in ("networkpolicies", "jobs")]
    assert plurals.index("jobs") == len(wanted)


@pytest.mark.parametrize(("days", "held"), [(1, True), (1, False), (31, None)])
def test_a_run_says_whether_the_cluster_was_lately_seen_to_hold_its_network(
    faked: FakeCluster, tmp_path: Path, days: int, held: bool | None
) -> None:
    file = tmp_path / "tried.json"
    remember(file, SystemClock().now() - days * 86_400, enforced=held is not False)
    faked.stand.place = replace(faked.stand.place, tried=file)
    faked.restart()
    faked.api.idle = True
    key = faked.rig.start(_RUN)
    running = faked.rig.runner.observe(key)
    faked.rig.runner.stop(key)
    ended = faked.rig.runner.observe(key)
    assert (running.running, ended.running) == (True, False)
    assert (running.network_held, ended.network_held) == (held, held)
