"""What deploy/kubernetes calls optional: what is said beforehand with it goes unsaid without it, and the rest is said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.kubernetes.server import FakeKubernetes, running_kubernetes
from tagstone.actions.check_cluster import check_cluster
from tagstone.bootstrap import Application
from tagstone.domain.runs.hardware import Resources
from tagstone.settings import ClusterSettings, Runs, Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy/kubernetes"
ASKED = Resources(cpu=4.0, memory=2**30)
SAID = {
    "nodes": "The nearest is small: 4 cores asked for",
    "resourcequotas": "the quota 'tight'",
    "limitranges": "the range 'narrow'",
}


def rules(path: str) -> list[dict[str, Any]]:
    role, *_ = yaml.safe_load_all((DEPLOY / path).read_text(encoding="utf-8"))
    return list(role["rules"])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeKubernetes]:
    """One whose only node, quota and range all are too small for what is asked for."""
    with running_kubernetes(tmp_path / "cluster") as made:
        made.idle = True
        made.namespace("runs")
        made.node("small", cpu="1")
        made.make("resourcequotas", {"metadata": {"name": "tight", "namespace": "runs"}, "spec": {"hard": {"limits.cpu": "2"}}})
        limits = [{"type": "Container", "max": {"cpu": "3"}}]
        made.make("limitranges", {"metadata": {"name": "narrow", "namespace": "runs"}, "spec": {"limits": limits}})
        yield made


def said(cluster: FakeKubernetes, tmp_path: Path) -> list[str]:
    """What `tagstone check --cluster` would say is in the way."""
    image = f"registry.example.org/pod@sha256:{'a' * 64}"
    there = ClusterSettings(kubeconfig=cluster.kubeconfig, namespace="runs", desk="http://192.0.2.7:8622/desk", helper=image)
    settings = Settings(home=tmp_path / "home", runs=Runs(engine="kubernetes"), clusters={"here": there}, _site=None)
    application = Application(settings)
    report = check_cluster(ASKED, application.clusters.views("example.org/wobble"))
    for connection in application.clusters.connections.values():
        connection.close()
    return [fault.message for fault in report.faults]


def optional() -> Iterator[tuple[str, str]]:
    """Every verb that the manifests call optional, with what it is on."""
    for path in ("runs/role.yaml", "nodes/role.yaml"):
        for rule in rules(path):
            for resource in rule["resources"]:
                if path == "nodes/role.yaml" or resource in SAID:
                    yield from ((verb, resource) for verb in rule["verbs"])


def test_with_all_of_them_node_quota_and_range_are_named(cluster: FakeKubernetes, tmp_path: Path) -> None:
    found = said(cluster, tmp_path)
    assert len(found) == len(SAID)
    assert all(any(words in one for one in found) for words in SAID.values())


@pytest.mark.parametrize("missing", list(optional()), ids=" ".join)
def test_without_one_what_it_is_for_goes_unsaid(cluster: FakeKubernetes, tmp_path: Path, missing: tuple[str, str]) -> None:
    cluster.access.taken.add(missing)
    found = said(cluster, tmp_path)
    _, resource = missing
    assert not any(SAID[resource] in one for one in found)
    assert all(any(words in one for one in found) for name, words in SAID.items() if name != resource)


def test_each_is_of_use() -> None:
    assert {resource for _, resource in optional()} == SAID.keys()
    assert all(verb == "list" for verb, _ in optional())


def test_nodes_that_may_not_be_looked_at_are_told_of(cluster: FakeKubernetes, tmp_path: Path) -> None:
    cluster.access.taken.add(("list", "nodes"))
    assert "The nodes of the cluster here may not be looked at." in said(cluster, tmp_path)
