"""All runs of a cluster are followed by one watch for each kind of object, which no trouble of the cluster leaves behind for long."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from fakes.gitlab.calls import Reply
from rigs.clusters import NAMESPACE, FakeCluster
from rigs.pods import until
from rigs.runs import Analysis
from tagstone.adapters.kubernetes.client import Object, connect
from tagstone.adapters.kubernetes.reading import pod_seen
from tagstone.adapters.kubernetes.watching import Mirror
from tagstone.adapters.news import News
from tagstone.domain.runs.run import Outcome
from tagstone.domain.runs.sight import PodSeen
from tagstone.errors import Away

Follow = Callable[..., Mirror[PodSeen]]
_LABELS = {"app": "ours"}


@pytest.fixture
def follow() -> Iterator[Follow]:
    made: list[Mirror[PodSeen]] = []

    def start(faked: FakeCluster, read: Callable[[Object], PodSeen] = pod_seen) -> Mirror[PodSeen]:
        cluster = connect("fake", NAMESPACE, faked.api.kubeconfig, None)
        mirror = Mirror(cluster, cluster.path("v1/pods"), "app=ours", read, News())
        made.append(mirror)
        until(lambda: mirror.fresh)
        return mirror

    yield start
    for mirror in made:
        mirror.close()


def _job(faked: FakeCluster) -> str:
    """A Job that makes no pods by itself, by its identifier."""
    if not faked.api.all("jobs"):
        template = {"metadata": {}, "spec": {"restartPolicy": "Never", "containers": [{"name": "run", "image": "none"}]}}
        spec = {"suspend": True, "parallelism": 0, "completions": 1, "backoffLimit": 0, "template": template}
        faked.api.make("jobs", {"metadata": {"name": "job", "namespace": NAMESPACE}, "spec": spec, "status": {}})
    return str(faked.api.all("jobs")[0]["metadata"]["uid"])


def _pod(faked: FakeCluster, name: str, labels: dict[str, str] | None = None) -> None:
    """A pod of the Job, which no node takes."""
    owners = [{"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": _job(faked)}]
    meta = {"name": name, "namespace": NAMESPACE, "labels": _LABELS if labels is None else labels, "ownerReferences": owners}
    containers = [{"name": "run", "image": "none", "resources": {"requests": {"cpu": "10000"}}}]
    faked.api.make("pods", {"metadata": meta, "spec": {"containers": containers}, "status": {"phase": "Pending"}})


def _remove(faked: FakeCluster, name: str) -> None:
    (pod,) = [one for one in faked.api.pods() if one["metadata"]["name"] == name]
    faked.api.delete_pod(pod, by_force=True)


def _heard_of(mirror: Mirror[PodSeen], name: str) -> bool:
    return mirror.named(name) is not None


def _watched(faked: FakeCluster, times: int) -> bool:
    return faked.api.calls("watch", "pods") == times and faked.api.watches.open == 1


def test_what_is_there_is_listed_and_what_comes_is_watched(faked: FakeCluster, follow: Follow) -> None:
    _pod(faked, "first")
    mirror = follow(faked)
    assert [pod.name for pod in mirror.of_job(_job(faked))] == ["first"]
    _pod(faked, "second")
    _pod(faked, "stranger", labels={})
    until(lambda: len(mirror.of_job(_job(faked))) == 2)
    _remove(faked, "first")
    until(lambda: [pod.name for pod in mirror.of_job(_job(faked))] == ["second"])
    assert (mirror.named("first"), mirror.named("stranger"), mirror.of_job("another")) == (None, None, [])
    assert faked.api.calls("list", "pods") == 1


def test_a_watch_that_was_cut_off_goes_on_where_it_was(faked: FakeCluster, follow: Follow) -> None:
    mirror = follow(faked)
    for number in range(3):
        faked.api.watches.cut()
        _pod(faked, f"pod-{number}")
        until(partial(_heard_of, mirror, f"pod-{number}"))
    assert faked.api.calls("list", "pods") == 1


def test_a_watch_whose_past_is_forgotten_begins_with_a_list_again(faked: FakeCluster, follow: Follow) -> None:
    _pod(faked, "before")
    mirror = follow(faked)
    with faked.api.world.changed:
        faked.api.watches.cut()
        _remove(faked, "before")
        _pod(faked, "after")
        faked.api.world.compact()
    until(lambda: [pod.name for pod in mirror.of_job(_job(faked))] == ["after"])
    assert faked.api.calls("list", "pods") >= 2


def test_what_a_watch_lost_is_found_after_five_of_them(faked: FakeCluster, follow: Follow) -> None:
    faked.api.idle = True  # whose scheduler would speak of the pod again
    mirror = follow(faked)
    with faked.api.world.changed:
        _pod(faked, "unheard")
        faked.api.world.history.pop()
    for watches in range(1, 6):
        until(partial(_watched, faked, watches))
        assert not _heard_of(mirror, "unheard")
        faked.api.watches.cut()
    until(partial(_heard_of, mirror, "unheard"))
    assert faked.api.calls("list", "pods") == 2


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"<html>\n<h1>a proxy</h1></html>", id="a page"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"kind": "PodList", "items": []}', id="no change"),
        pytest.param(b'{"type": "ADDED", "object": {"kind": "Pod"}}', id="no metadata"),
        pytest.param(b'{"type": "ADDED", "object": {"metadata": null}}', id="empty metadata"),
        pytest.param(b'{"type": "ADDED", "object": {"metadata": {}}}', id="no name"),
        pytest.param(b'{"type": "ERROR", "object": "none"}', id="no error"),
        pytest.param(b'{"type": "ERROR", "object": {"code": "much"}}', id="no code"),
    ],
)
def test_what_no_api_says_on_a_watch_is_answered_with_a_list(faked: FakeCluster, follow: Follow, said: bytes) -> None:
    mirror = follow(faked)
    until(lambda: faked.api.watches.open == 1)
    faked.api.faults.answers(Reply(200, body=said + b"\n"), "GET .*/pods")
    faked.api.watches.cut()
    until(lambda: faked.api.calls("list", "pods") == 2)
    _pod(faked, "after")
    until(partial(_heard_of, mirror, "after"))
    assert mirror.fresh


def test_a_view_that_is_not_understood_is_not_fresh_and_is_looked_at_again(faked: FakeCluster, follow: Follow) -> None:
    understood = threading.Event()

    def read(thing: Object) -> PodSeen:
        if not understood.is_set():
            raise RuntimeError("a pod of a kind that nobody has seen")
        return pod_seen(thing)

    mirror = follow(faked, read)
    _pod(faked, "odd")
    until(lambda: not mirror.fresh)
    understood.set()
    until(lambda: mirror.fresh)
    assert _heard_of(mirror, "odd")


def test_where_nobody_may_watch_lists_take_its_place(faked: FakeCluster, follow: Follow) -> None:
    faked.api.access.taken.add(("watch", "pods"))
    mirror = follow(faked)
    _pod(faked, "seen")
    until(lambda: mirror.named("seen") is not None)
    assert mirror.fresh


def test_a_cluster_that_was_away_is_listed_when_it_is_back(faked: FakeCluster, follow: Follow) -> None:
    mirror = follow(faked)
    with faked.api.down():
        faked.api.watches.cut()
        until(lambda: not mirror.fresh)
        _pod(faked, "meanwhile")
    until(lambda: mirror.named("meanwhile") is not None)
    assert mirror.fresh


def test_many_runs_that_wait_cost_one_watch_of_each_kind(faked: FakeCluster) -> None:
    faked.api.drain("node")
    runner, keys = faked.rig.runner, [faked.rig.key() for _ in range(12)]
    for key in keys:
        runner.start(key, faked.rig.spec("true"))
    until(lambda: len(faked.api.pods()) == len(keys))
    runner.observe(keys[0])
    until(lambda: all(runner.observe(key).running for key in keys))
    asked = len(faked.api.asked)
    for _ in range(20):
        assert all(runner.observe(key).running for key in keys)
    assert {verb for verb, plural, _ in faked.api.asked[asked:] if plural in ("jobs", "pods")} <= {"watch"}
    assert len([one for one in faked.api.asked if one[0] == "watch"]) <= 4


def test_a_run_is_found_again_by_a_process_that_comes_after_an_hour(faked: FakeCluster) -> None:
    key = faked.rig.start(Analysis(writes={"out.txt": "x"}, says="once"))
    faked.restart()
    faked.api.advance(3600.0)
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED


def test_an_api_server_that_is_away_is_waited_for(faked: FakeCluster) -> None:
    key = faked.rig.start(Analysis(says="on"))
    faked.restart()
    with faked.api.down(), pytest.raises(Away, match="does not answer"):
        faked.rig.runner.observe(key)
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED


def test_the_image_that_ran_is_known_though_the_node_tells_of_it_after_the_pod_has(faked: FakeCluster) -> None:
    faked.api.kubelets["node"].lag = 2.0
    status = faked.rig.until_ended(faked.rig.start(Analysis(says="short")))
    assert status.outcome is Outcome.SUCCEEDED
    assert status.granted is not None
    assert status.granted.image_id is not None
