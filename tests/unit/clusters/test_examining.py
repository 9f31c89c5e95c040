"""What is asked of a cluster before anything runs there: nodes, permissions, what becomes of a Job, and what a probe means."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.kubernetes.server import FakeKubernetes, running_kubernetes
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.nodes import node_from, nodes, quotas, ranges
from tagstone.adapters.kubernetes.probe import Probed, Reached
from tagstone.adapters.kubernetes.rights import NEEDED, POLICIES, Right, among
from tagstone.bootstrap import Application
from tagstone.cli import doctor_clusters
from tagstone.cli.doctor_clusters import examine_clusters, judged
from tagstone.domain.runs.allowance import Quota, Range
from tagstone.domain.runs.node import Taint
from tagstone.settings import Builds, ClusterSettings, Runs, Settings

GIB = 2.0**30
DESK = "http://192.0.2.7:8622/desk"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeKubernetes]:
    with running_kubernetes(tmp_path / "cluster") as made:
        made.idle = True
        made.namespace("runs")
        yield made


@pytest.fixture
def application(cluster: FakeKubernetes, tmp_path: Path) -> Iterator[Application]:
    there = ClusterSettings(
        kubeconfig=cluster.kubeconfig, namespace="runs", desk=DESK, helper=f"registry.example.org/pod@sha256:{'a' * 64}"
    )
    settings = Settings(
        home=tmp_path / "home",
        runs=Runs(engine="kubernetes"),
        builds=Builds(registry="registry.example.org"),
        clusters={"here": there},
        _site=None,
    )
    made = Application(settings)
    yield made
    for connection in made.clusters.connections.values():
        connection.close()


def test_nodes_are_read_as_the_api_writes_them(cluster: FakeKubernetes) -> None:
    cluster.node(
        "gpu", taints=({"key": "nvidia.com/gpu", "effect": "NoSchedule"},), labels={"pool": "a"}, cpu="3920m", nvidia__gpu="2"
    )
    connection = connect("here", "runs", cluster.kubeconfig, None)
    listed = nodes(connection)
    connection.close()
    assert listed is not None
    (found,) = listed
    assert (found.name, found.ready, found.cordoned) == ("gpu", True, False)
    assert found.allocatable["cpu"] == pytest.approx(3.92)
    assert found.allocatable["nvidia.com/gpu"] == 2
    assert found.allocatable["memory"] == 16 * GIB
    assert found.taints == (Taint("nvidia.com/gpu", "", "NoSchedule"),)
    assert found.labels["pool"] == "a"


def test_a_node_that_says_little_is_a_node_that_is_not_ready() -> None:
    found = node_from({"metadata": {"name": "new"}, "status": {"allocatable": {"cpu": "much"}}})
    assert (found.name, found.ready, dict(found.allocatable)) == ("new", False, {})


def test_a_cordoned_node_takes_nobody() -> None:
    assert node_from({"metadata": {"name": "old"}, "spec": {"unschedulable": True}}).cordoned


def test_nodes_that_may_not_be_looked_at_are_not_there_to_be_judged(cluster: FakeKubernetes) -> None:
    cluster.access.taken.add(("list", "nodes"))
    connection = connect("here", "runs", cluster.kubeconfig, None)
    assert nodes(connection) is None
    connection.close()


def test_quotas_and_ranges_are_read_and_those_of_some_pods_only_are_not(cluster: FakeKubernetes) -> None:
    about = {"namespace": "runs"}
    cluster.make("resourcequotas", {"metadata": {"name": "all", **about}, "spec": {"hard": {"limits.cpu": "2", "pods": "5"}}})
    some = {"hard": {"limits.cpu": "1"}, "scopes": ["BestEffort"]}
    cluster.make("resourcequotas", {"metadata": {"name": "some", **about}, "spec": some})
    limits = [{"type": "Container", "max": {"cpu": "1"}, "min": {"memory": "1Gi"}}, {"type": "PersistentVolumeClaim"}]
    cluster.make("limitranges", {"metadata": {"name": "small", **about}, "spec": {"limits": limits}})
    connection = connect("here", "runs", cluster.kubeconfig, None)
    assert quotas(connection) == [Quota("all", {"limits.cpu": 2.0, "pods": 5.0})]
    assert ranges(connection) == [Range("small", "Container", {"cpu": 1.0}, {"memory": GIB})]
    connection.close()


def test_every_right_that_is_missing_is_named(application: Application, cluster: FakeKubernetes) -> None:
    cluster.access.taken |= {("delete", "jobs"), ("watch", "pods")}
    connection = application.clusters.connections["here"]
    assert among(connection, (*NEEDED, *POLICIES), held=False) == (
        Right("delete", "jobs", "batch"),
        Right("watch", "pods"),
    )
    found = doctor_clusters.rights(application, "here")
    assert (found.verdict, found.text) == ("fault", "missing: delete jobs.batch, watch pods")
    assert "deploy/kubernetes/runs" in found.remedy


def test_the_namespaces_of_projects_are_looked_at_for_rights_and_quotas(
    application: Application, cluster: FakeKubernetes
) -> None:
    assert doctor_clusters.projects(application, "here").text == "all in one namespace"
    there = application.settings.clusters["here"]
    own = {"gitlab.example.org/astro/wobble": "runs-wobble", "gitlab.example.org/astro/orbit": "runs-orbit"}
    application.settings.clusters["here"] = there.model_copy(update={"projects": own})
    cluster.make("resourcequotas", {"metadata": {"name": "all", "namespace": "runs-orbit"}, "spec": {"hard": {"pods": "5"}}})
    found = doctor_clusters.projects(application, "here")
    assert (found.verdict, found.text) == ("warning", "no ResourceQuota is seen in runs-wobble")
    cluster.make("resourcequotas", {"metadata": {"name": "all", "namespace": "runs-wobble"}, "spec": {"hard": {"pods": "5"}}})
    found = doctor_clusters.projects(application, "here")
    assert (found.verdict, found.text) == ("ok", "2 namespaces of their own, each with a quota")
    cluster.access.taken.add(("create", "jobs"))
    found = doctor_clusters.projects(application, "here")
    assert (found.verdict, "runs-orbit: create jobs.batch" in found.text) == ("fault", True)


def test_what_is_checked_for_a_project_is_its_own_namespace(application: Application, cluster: FakeKubernetes) -> None:
    there = application.settings.clusters["here"]
    application.settings.clusters["here"] = there.model_copy(update={"projects": {"example.org/wobble": "runs-wobble"}})
    cluster.make("resourcequotas", {"metadata": {"name": "own", "namespace": "runs-wobble"}, "spec": {"hard": {"pods": "5"}}})
    assert [view.quotas() for view in application.clusters.views("example.org/wobble")] == [[Quota("own", {"pods": 5.0})]]
    assert [view.quotas() for view in application.clusters.views("example.org/other")] == [[]]
    place = application.clusters.place("here")
    own = place.projects["example.org/wobble"]
    assert (own.site.namespace, own.cluster.namespace) == ("runs-wobble", "runs-wobble")
    assert {policy["metadata"]["namespace"] for policy in own.policies} == {"runs-wobble"}
    assert (place.site.namespace, place.cluster.namespace) == ("runs", "runs")


def test_rights_that_nobody_needs_are_named(application: Application) -> None:
    found = doctor_clusters.rights(application, "here")
    assert (found.verdict, "create pods everywhere" in found.text) == ("warning", True)


def test_nodes_are_counted_with_their_devices(application: Application, cluster: FakeKubernetes) -> None:
    assert doctor_clusters.nodes(application, "here").verdict == "fault"
    cluster.node("a", nvidia__gpu="2")
    cluster.node("b", nvidia__gpu="1")
    assert doctor_clusters.nodes(application, "here").text == "2 of 2 take runs, 3 nvidia.com/gpu"
    cluster.access.taken.add(("list", "nodes"))
    assert doctor_clusters.nodes(application, "here").remedy == "Apply deploy/kubernetes/nodes there."


def test_a_job_is_tried_without_being_made(application: Application, cluster: FakeKubernetes) -> None:
    found = doctor_clusters.fields(application, "here")
    assert (found.verdict, found.text) == ("ok", "kept with every field")
    assert cluster.all("jobs") == []


def test_what_an_old_server_drops_is_named(tmp_path: Path, application: Application) -> None:
    with running_kubernetes(tmp_path / "old", (1, 20)) as old:
        old.namespace("runs")
        made = connect("here", "runs", old.kubeconfig, None)
        application.clusters.__dict__["connections"] = {"here": made}
        found = doctor_clusters.fields(application, "here")
    assert found.verdict == "ok"
    assert "spec.podFailurePolicy" in found.text


def test_a_cluster_that_does_not_answer_is_one_fault(application: Application, cluster: FakeKubernetes) -> None:
    with cluster.down():
        (found,) = examine_clusters(application)
    assert (found.check, found.verdict) == ("cluster here", "fault")


def test_a_site_without_clusters_says_how_to_have_one(tmp_path: Path) -> None:
    (found,) = examine_clusters(Application(Settings(home=tmp_path, _site=None)))
    assert (found.verdict, "TAGSTONE_CLUSTERS__" in found.remedy) == ("warning", True)


EVERYTHING = Reached({"desk": "open", "neighbour": "open", "api": "open", "metadata": "silent"})
HELD = Reached({"desk": "open", "neighbour": "silent", "api": "silent", "metadata": "silent"})


@pytest.mark.parametrize(
    ("held", "free", "verdict", "word"),
    [
        (HELD, EVERYTHING, "ok", "keep runs from the rest"),
        (EVERYTHING, EVERYTHING, "warning", "not enforced"),
        (replace(HELD, places={**HELD.places, "api": "refused"}), EVERYTHING, "warning", "not enforced"),
        (HELD, replace(HELD), "warning", "cannot be told"),
        (replace(HELD, places={**HELD.places, "desk": "silent"}), EVERYTHING, "fault", "though one that no policy holds does"),
        (Reached({"desk": "silent"}), Reached({"desk": "silent"}), "fault", "do not reach the desk"),
        (replace(HELD, places={**HELD.places, "desk": "refused"}), EVERYTHING, "fault", "nobody listens"),
        (replace(HELD, token=True), EVERYTHING, "fault", "token"),
    ],
)
def test_what_two_pods_reach_tells_whether_policies_hold(held: Reached, free: Reached, verdict: str, word: str) -> None:
    found = judged("network", Probed(held, free), DESK)
    assert found.verdict == verdict
    assert word in found.text
    assert bool(found.remedy) is (verdict != "ok")
