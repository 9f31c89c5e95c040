"""Hardware on a real cluster: what nodes say they have is where runs go, and what is really there is what counts."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.rig import Bench, to_its_end
from fakes import facts as recorded
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.publications.record import RunFacts
from tagstone.domain.runs.hardware_table import rows
from tagstone.domain.runs.placement import Profile
from tagstone.domain.runs.run import Outcome, RunSpec
from tagstone.web.hardware_plot import plots

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def advertised(cluster: Cluster) -> Iterator[str]:
    """A resource that the node says to have one of, as device plugins have it say."""
    name = f"example.org/device-{secrets.token_hex(4)}"
    _advertise(cluster, name, "1")
    yield name
    _advertise(cluster, name, None)


def _advertise(cluster: Cluster, name: str, count: str | None) -> None:
    cluster.patch_node({"status": {"capacity": {name: count}, "allocatable": {name: count}}})


def _asking(spec: RunSpec, **more: Any) -> RunSpec:
    return replace(spec, resources=replace(spec.resources, **more))


def test_a_device_of_a_profile_is_claimed_and_granted(
    cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path, advertised: str
) -> None:
    profiles = {"device": Profile(gpu_resource=advertised, node_selector={"kubernetes.io/os": "linux"})}
    bench = Bench(cluster, namespace, registry, helper, tmp_path, {"profiles": profiles})
    with bench.rig() as rig:
        _, status = to_its_end(rig, _asking(rig.spec("true"), gpu=1, profile="device"))
        (pod,) = bench.pods()
    assert (status.outcome, status.detail) == (Outcome.SUCCEEDED, "")
    assert status.granted is not None
    assert (status.granted.gpus, status.granted.node) == ((advertised,), "node")
    (run,) = (one for one in pod["spec"]["containers"] if one["name"] == "run")
    assert run["resources"]["limits"][advertised] == run["resources"]["requests"][advertised] == "1"


def test_more_devices_than_there_are_are_refused_with_how_many_would_fit(
    cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path, advertised: str
) -> None:
    bench = Bench(cluster, namespace, registry, helper, tmp_path, {"profiles": {"device": Profile(gpu_resource=advertised)}})
    with bench.rig() as rig:
        _, status = to_its_end(rig, _asking(rig.spec("true"), gpu=2, profile="device"))
        assert bench.jobs() == []
    assert status.outcome is Outcome.UNSCHEDULABLE
    assert f"2 {advertised} asked for, it has 1 {advertised}" in status.detail
    assert status.remedy == "Ask for at most gpu: 1 (run: resources)."


def test_a_gpu_that_is_only_said_to_be_there_ends_the_run(
    cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path
) -> None:
    _advertise(cluster, "nvidia.com/gpu", "1")
    try:
        bench = Bench(cluster, namespace, registry, helper, tmp_path)
        with bench.rig() as rig:
            _, status = to_its_end(rig, _asking(rig.spec("sleep 600"), gpu=1))
            (pod,) = bench.pods()
    finally:
        _advertise(cluster, "nvidia.com/gpu", None)
    # It was sent to the node that advertises one, and found none there.
    assert pod["spec"]["nodeName"] == "node"
    assert status.outcome is Outcome.HARDWARE
    assert "1 GPUs were asked for, 0 are there" in status.detail


def test_what_a_run_uses_is_sampled_and_drawn(
    cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path
) -> None:
    bench = Bench(cluster, namespace, registry, helper, tmp_path)
    with bench.rig() as rig:
        spec = rig.spec("timeout 6 sh -c 'while :; do :; done'; true")
        _, status = to_its_end(rig, spec)
    assert status.outcome is Outcome.SUCCEEDED
    assert len(status.usage) >= 2
    assert max(sample.cpu for sample in status.usage) > 0.05
    run = recorded.facts().run
    assert run is not None
    facts: RunFacts = replace(run, spec=spec, status=status)
    assert [plot.title for plot in plots(facts)] == ["Processors", "Memory"]
    table = {row.name: row for row in rows(facts)}
    assert "at most" in table["Processors"].used
    assert (table["Node"].granted, table["Cluster"].granted) == ("node", "test")
