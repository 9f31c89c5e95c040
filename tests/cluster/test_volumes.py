"""Workspaces on a volume of a real cluster: written to by its group alone, each run in a folder of its own, which is gone in the end."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.faults import begin, ended, only_pod
from cluster.rig import Bench, to_its_end, until
from rigs.runs import Rig
from servers.kubernetes.cluster import Cluster
from tagstone.domain.runs.run import USER, Outcome, OutputRules

pytestmark = pytest.mark.kubernetes

CLAIM = "shared"


@pytest.fixture
def volume(cluster: Cluster, namespace: str) -> Iterator[Path]:
    """The folder of the node behind a claim of the namespace, as nodes share one: nothing but its group may write there."""
    place = cluster.folder / "volumes" / namespace
    place.mkdir(parents=True)
    os.chown(place, 0, USER)
    place.chmod(0o770)
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    behind = {
        "capacity": {"storage": "10Gi"},
        "claimRef": {"namespace": namespace, "name": CLAIM},
        "hostPath": {"path": str(place)},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    asked = {"resources": {"requests": {"storage": "10Gi"}}, "volumeName": namespace}
    cluster.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": common | behind},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": common | asked,
        },
    )
    yield place
    cluster.kubectl("delete", "persistentvolume", namespace, "--wait=false")


@pytest.fixture
def given(volume: Path) -> dict[str, Any]:
    """Workspaces on that volume."""
    assert volume.is_dir()
    return {"claim": CLAIM}


def test_a_run_works_on_the_volume_and_leaves_nothing_there(rig: Rig, volume: Path) -> None:
    script = "mkdir results; cat code.txt > results/a.csv; echo t > /tmp/t; cat .tmp/t"
    key, status = to_its_end(rig, rig.spec(script))
    assert (status.outcome, status.detail) == (Outcome.SUCCEEDED, "")
    assert rig.whole_log(key) == b"t\n"
    assert [file.path for file in rig.runner.collect(key, OutputRules(("results/*",)))] == ["results/a.csv"]
    assert list(volume.iterdir()) == []


def test_runs_beside_each_other_do_not_see_each_other(rig: Rig, volume: Path) -> None:
    keys = [rig.key(), rig.key()]
    for key in keys:
        rig.runner.start(key, rig.spec("touch mine; echo begun; until [ -e seen ]; do sleep 0.2; done; rm seen; ls"))
    until(lambda: len(list(volume.glob("*/mine"))) == 2)
    for folder in volume.iterdir():
        (folder / "seen").touch()
    assert [rig.until_ended(key).outcome for key in keys] == [Outcome.SUCCEEDED] * 2
    assert [rig.whole_log(key).split() for key in keys] == [[b"begun", b"code.txt", b"mine"]] * 2
    assert list(volume.iterdir()) == []


def test_a_run_that_writes_more_than_it_asked_for_is_ended(rig: Rig, volume: Path) -> None:
    spec = rig.spec(
        "dd if=/dev/zero of=kept bs=1M count=8; for n in 1 2 3 4 5 6 7 8 9; do dd if=/dev/zero of=$n bs=1M count=8; sleep 1; done"
    )
    key, status = to_its_end(rig, replace(spec, resources=replace(spec.resources, disk=32 * 2**20)))
    assert status.outcome is Outcome.DISK_LIMIT
    assert [file.path for file in rig.runner.collect(key, OutputRules(("kept",)))] == ["kept"]
    assert list(volume.iterdir()) == []


def test_what_a_killed_pod_left_is_gone_when_its_run_begins_again(rig: Rig, bench: Bench, volume: Path) -> None:
    key = begin(rig, "echo x > left; echo begun; sleep 600", time=900)
    until(lambda: b"begun" in rig.whole_log(key))
    bench.cluster.kubectl("delete", "pod", only_pod(bench), "--namespace", bench.namespace, "--grace-period=0", "--force")
    assert ended(rig, key, seconds=120.0).outcome is Outcome.DISRUPTED
    rig.runner.remove(key)
    until(lambda: bench.pods() == [])
    rig.runner.start(key, rig.spec("ls"))
    assert rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert rig.whole_log(key) == b"code.txt\n"
    assert list(volume.iterdir()) == []
