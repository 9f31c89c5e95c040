"""What `tagstone doctor --cluster` and `tagstone check --cluster` find on a real cluster."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rigs.pods import free_port
from servers.kubernetes.cluster import Cluster
from tagstone.actions.check_cluster import check_cluster
from tagstone.adapters.kubernetes.nodes import nodes, quotas, ranges
from tagstone.bootstrap import Application
from tagstone.cli.doctor import Finding
from tagstone.cli.doctor_clusters import examine_clusters
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.placement import Profile
from tagstone.settings import Builds, ClusterSettings, Desk, Runs, Settings

pytestmark = pytest.mark.kubernetes

ASKED = Resources(cpu=0.5, memory=2**28, disk=2**28)


@pytest.fixture
def application(cluster: Cluster, namespace: str, helper: str, tmp_path: Path) -> Iterator[Application]:
    port = free_port()
    there = ClusterSettings(
        kubeconfig=cluster.kubeconfig,
        namespace=namespace,
        desk=f"http://{cluster.machine}:{port}/desk",
        helper=helper,
    )
    made = Application(
        Settings(
            home=tmp_path,
            runs=Runs(engine="kubernetes"),
            builds=Builds(registry=cluster.registry, registry_insecure=True),
            desk=Desk(host=cluster.machine, port=port),
            clusters={"test": there},
            _site=None,
        )
    )
    yield made
    for connection in made.clusters.connections.values():
        connection.close()


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_a_doctor_finds_what_this_cluster_is(application: Application, cluster: Cluster, namespace: str) -> None:
    found = by_name(examine_clusters(application))
    assert found["cluster test"].verdict == "ok"
    assert "v1." in found["cluster test"].text
    # The administrator's own kubeconfig may do everything, which is too much.
    assert (found["test: permissions"].verdict, "everywhere" in found["test: permissions"].text) == ("warning", True)
    assert found["test: nodes"].text.startswith("1 of 1 take runs")
    # Kubernetes 1.20 drops it in silence.
    assert (found["test: Jobs"].verdict, "podFailurePolicy" in found["test: Jobs"].text) == ("ok", True)
    # Nothing enforces policies there: the pods found that out by trying.
    assert (found["test: network"].verdict, "not enforced" in found["test: network"].text) == ("warning", True)
    assert cluster.all("jobs", namespace) == []


def test_a_quota_and_a_range_are_read_as_they_are(application: Application, cluster: Cluster, namespace: str) -> None:
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team", "namespace": namespace},
            "spec": {"hard": {"limits.cpu": "250m"}},
        }
    )
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "small", "namespace": namespace},
            "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
        }
    )
    connection = application.clusters.connections["test"]
    assert [quota.hard for quota in quotas(connection)] == [{"limits.cpu": 0.25}]
    assert [one.most["memory"] for one in ranges(connection)] == [2**26]
    messages = [fault.message for fault in check_cluster(ASKED, application.clusters.views()).faults]
    assert any("the quota 'team'" in message for message in messages)
    assert any("the range 'small'" in message for message in messages)


def test_what_no_node_has_is_refused_with_the_nearest(application: Application) -> None:
    assert check_cluster(ASKED, application.clusters.views()).faults == ()
    (view,) = application.clusters.views()
    profiles = {"fpga": Profile(gpu_resource="example.org/fpga")}
    found = check_cluster(replace(ASKED, gpu=1, profile="fpga"), [replace(view, profiles=profiles)])
    assert found.fit is not None
    assert found.fit.nearest == "node"
    assert "1 example.org/fpga asked for, it has 0 example.org/fpga" in found.faults[0].message


def test_more_memory_than_any_machine_has_is_refused(application: Application) -> None:
    found = check_cluster(replace(ASKED, memory=2**50), application.clusters.views())
    (fault,) = found.faults
    listed = nodes(application.clusters.connections["test"])
    assert listed is not None
    assert listed[0].ready
    assert fault.remedy.startswith("Ask for at most memory: ")
