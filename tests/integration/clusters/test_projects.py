"""A project may have a namespace of its own on a cluster, so that a quota of its own holds it; all others share one."""

from dataclasses import replace

import pytest

from rigs.clusters import NAMESPACE, FakeCluster
from rigs.runs import Analysis
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.policies import network_policies
from tagstone.domain.runs.run import Outcome, RunSpec
from tagstone.errors import Permanent

PROJECT = "gitlab.example.org/astro/wobble"
OWN = "runs-wobble"


@pytest.fixture
def apart(faked: FakeCluster) -> FakeCluster:
    """The cluster with a namespace for one project."""
    faked.api.namespace(OWN)
    shared = faked.stand.place
    own = replace(
        shared,
        cluster=connect("fake", OWN, faked.api.kubeconfig, None),
        site=replace(shared.site, namespace=OWN),
        policies=network_policies(OWN, shared.site.desk, "127.0.0.1/32"),
    )
    faked.stand.place = replace(shared, projects={PROJECT: own})
    faked.restart()
    return faked


def _of_project(faked: FakeCluster, analysis: Analysis) -> RunSpec:
    return replace(faked.rig.spec(analysis.script), project=PROJECT)


def _where(faked: FakeCluster, plural: str) -> list[str]:
    return [one["metadata"]["namespace"] for one in faked.api.all(plural)]


def test_its_runs_go_there_and_those_of_others_do_not(apart: FakeCluster) -> None:
    rig, mine = apart.rig, apart.rig.key()
    rig.runner.start(mine, _of_project(apart, Analysis(says="own", endless=True)))
    rig.until_said(mine)
    others = rig.start(Analysis(says="shared", endless=True))
    rig.until_said(others)
    assert sorted(_where(apart, "jobs")) == sorted([NAMESPACE, OWN])
    assert set(_where(apart, "networkpolicies")) == {NAMESPACE, OWN}
    for key in (mine, others):
        rig.runner.remove(key)
    assert _where(apart, "jobs") == []


def test_its_quota_holds_it_and_nobody_else(apart: FakeCluster) -> None:
    quota = {"metadata": {"name": "wobble", "namespace": OWN}, "spec": {"hard": {"limits.memory": "64Mi"}}}
    apart.api.make("resourcequotas", quota)
    key = apart.rig.key()
    apart.rig.runner.start(key, _of_project(apart, Analysis(says="never said")))
    status = apart.rig.until_ended(key)
    assert status.outcome is Outcome.REFUSED
    assert "wobble" in status.detail
    assert apart.rig.until_ended(apart.rig.start(Analysis(says="said"))).outcome is Outcome.SUCCEEDED


def test_a_run_is_found_where_it_was_begun_and_told_when_that_is_no_more_in_the_settings(apart: FakeCluster) -> None:
    key = apart.rig.key()
    apart.rig.runner.start(key, _of_project(apart, Analysis(says="own", endless=True)))
    apart.rig.until_said(key)
    apart.restart()
    assert apart.rig.runner.observe(key).running
    settings, apart.stand.place = apart.stand.place, replace(apart.stand.place, projects={})
    apart.restart()
    with pytest.raises(Permanent, match=OWN):
        apart.rig.runner.observe(key)
    apart.stand.place = settings
    apart.restart()
    apart.rig.runner.remove(key)
