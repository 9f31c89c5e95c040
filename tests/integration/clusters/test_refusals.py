"""What keeps a run from beginning, each told apart in words that say what to do."""

import pytest

from integration.clusters.conftest import Make
from rigs.clusters import NAMESPACE, REGISTRY, FakeCluster
from rigs.runs import Analysis
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.errors import Forbidden, NotFound

_RUN = Analysis(says="never said")


def _ended(faked: FakeCluster) -> RunStatus:
    """How a run ends that cannot begin; nothing of it is left to run later."""
    key = faked.rig.start(_RUN)
    status = faked.rig.until_ended(key)
    assert faked.rig.whole_log(key) == b""
    assert status.started_at is None
    assert status.remedy
    return status


def _limit(faked: FakeCluster, plural: str, spec: object) -> None:
    faked.api.make(plural, {"metadata": {"name": "site", "namespace": NAMESPACE}, "spec": spec})


def test_more_than_the_quota_will_ever_give_is_refused(faked: FakeCluster) -> None:
    _limit(faked, "resourcequotas", {"hard": {"limits.memory": "64Mi"}})
    status = _ended(faked)
    assert status.outcome is Outcome.REFUSED
    assert "quota" in status.detail
    assert "memory" in status.detail


def test_what_others_use_up_of_the_quota_is_waited_for(faked: FakeCluster) -> None:
    _limit(faked, "resourcequotas", {"hard": {"pods": "1"}})
    first = faked.rig.start(Analysis(says="first", endless=True))
    faked.rig.until_said(first)
    second = faked.rig.start(Analysis(says="second"))
    while "quota" not in (status := faked.rig.runner.observe(second)).detail:
        assert status.running
    faked.rig.runner.remove(first)
    assert faked.rig.until_ended(second).outcome is Outcome.SUCCEEDED


def test_what_a_limit_range_excludes_is_refused(faked: FakeCluster) -> None:
    _limit(faked, "limitranges", {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]})
    status = _ended(faked)
    assert status.outcome is Outcome.REFUSED
    assert "64Mi" in status.detail


@pytest.mark.parametrize("plural", ["jobs", "pods"])
def test_what_a_webhook_denies_is_refused_in_its_words(faked: FakeCluster, plural: str) -> None:
    faked.api.denials[plural] = "images of example.org only"
    status = _ended(faked)
    assert status.outcome is Outcome.REFUSED
    assert "images of example.org only" in status.detail
    assert faked.api.pods() == []


def test_an_image_that_is_not_there_is_the_images_fault(faked: FakeCluster) -> None:
    del faked.api.images[f"{REGISTRY}/{faked.rig.image}"]
    status = _ended(faked)
    assert status.outcome is Outcome.IMAGE
    assert "not found" in status.detail


def test_a_gpu_that_no_node_has_is_refused_before_anything_is_made(faked: FakeCluster) -> None:
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("true", gpu=1))
    status = faked.rig.until_ended(key)
    assert status.outcome is Outcome.UNSCHEDULABLE
    assert "nvidia.com/gpu" in status.detail
    assert faked.api.all("jobs") == []


@pytest.mark.parametrize("seen", [True, False])
def test_a_run_with_a_gpu_goes_to_the_node_that_has_one_and_must_find_it_there(faked: FakeCluster, seen: bool) -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    faked.api.node("with-gpu", taints=(taint,), nvidia__gpu="1")
    if seen:  # as the vendor's runtime lays it into containers
        program = faked.api.images[f"{REGISTRY}/{faked.rig.image}"].root / "bin" / "nvidia-smi"
        program.write_text("#!/bin/sh\necho NVIDIA A100-SXM4-40GB, 535.183.01\n")
        program.chmod(0o755)
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("true", gpu=1))
    status = faked.rig.until_ended(key)
    assert status.outcome is (Outcome.SUCCEEDED if seen else Outcome.HARDWARE)
    assert status.granted is not None
    assert status.granted.node == "with-gpu"
    assert status.granted.gpus == (("NVIDIA A100-SXM4-40GB",) if seen else ())
    assert status.granted.gpu_driver == ("535.183.01" if seen else None)


def test_a_node_that_is_busy_is_waited_for_and_no_longer_than_that(make: Make) -> None:
    faked = make(patience=1.0)
    faked.rig.until_said(faked.rig.start(Analysis(says="busy", endless=True)))
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("true", cpu=7.5))
    status = faked.rig.until_ended(key)
    assert status.outcome is Outcome.UNSCHEDULABLE
    assert "cpu" in status.detail.lower()


def test_a_namespace_that_is_not_there_is_refused(faked: FakeCluster) -> None:
    with faked.api.world.changed:
        found = faked.api.world.find("namespaces", "", NAMESPACE)
        assert found is not None
        faked.api.world.remove("namespaces", found)
    with pytest.raises(NotFound) as refused:
        faked.rig.start(_RUN)
    assert NAMESPACE in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize(
    "verb_and_resource", [("create", "jobs"), ("create", "secrets"), ("patch", "secrets"), ("get", "jobs")]
)
def test_a_verb_less_is_said_with_its_name(faked: FakeCluster, verb_and_resource: tuple[str, str]) -> None:
    verb, resource = verb_and_resource
    faked.api.access.taken.add(verb_and_resource)
    key = faked.rig.key()
    try:
        faked.rig.start(_RUN, key)
    except Forbidden as refused:
        said = f"{refused.message} {refused.remedy}"
    else:
        status = faked.rig.until_ended(key)
        said = f"{status.detail} {status.remedy}"
        assert status.outcome is Outcome.REFUSED
    assert verb in said
    assert resource in said
    assert "tagstone doctor --cluster" in said
