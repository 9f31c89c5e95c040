"""What a run on a real cluster is: its hardware, its isolation, its outputs and log, and how it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.rig import Bench, to_its_end
from rigs.runs import Rig
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_helper
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.runs.run import Outcome, OutputRules

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="session")
def helper(cluster: Cluster) -> str:
    """The image of the containers beside a run."""
    return push_helper(cluster)


@pytest.fixture
def bench(cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path) -> Bench:
    return Bench(cluster, namespace, registry, helper, tmp_path)


@pytest.fixture
def rig(bench: Bench) -> Iterator[Rig]:
    with bench.rig() as made:
        yield made


def test_a_run_leaves_its_outputs_its_log_and_what_it_was_given(rig: Rig, bench: Bench) -> None:
    script = 'echo "$GREETING from $(id -u) in $PWD, $HOME"; mkdir results; cat code.txt > results/a.csv; echo end >&2'
    key, status = to_its_end(rig, rig.spec(script))
    assert (status.outcome, status.exit_code, status.detail) == (Outcome.SUCCEEDED, 0, "")
    assert rig.whole_log(key).decode().splitlines() == ["hello from 65532 in /workspace, /workspace/.home", "end"]
    outputs = rig.runner.collect(key, OutputRules(("results/*.csv",)))
    assert [(file.path, file.size) for file in outputs] == [("results/a.csv", 5)]
    assert (status.cluster, status.engine[:12]) == ("test", "Kubernetes v")
    granted = status.granted
    assert granted is not None
    assert (granted.source, granted.cpu_limit, granted.memory_limit) == ("inside", 1.0, 128 * 2**20)
    assert (granted.node, granted.qos) == ("node", "Burstable")
    assert granted.image_id is not None
    assert granted.image_id.endswith(rig.image.digest)
