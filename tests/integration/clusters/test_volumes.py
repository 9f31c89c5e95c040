"""Workspaces on a volume that runs share: each in a folder of its own, which is gone in the end."""

from pathlib import Path

import pytest

from integration.clusters.conftest import Make
from rigs.clusters import NAMESPACE, FakeCluster
from rigs.runs import Analysis
from tagstone.domain.runs.run import Outcome, OutputRules


@pytest.fixture
def faked(make: Make) -> FakeCluster:
    """A cluster whose runs work on a volume."""
    made = make(claim="shared")
    made.api.make("persistentvolumeclaims", {"metadata": {"name": "shared", "namespace": NAMESPACE}})
    return made


def _volume(faked: FakeCluster) -> Path:
    (volume,) = faked.api.folder.glob("**/claims/shared")
    return volume


def test_a_run_works_on_the_volume_and_leaves_nothing_there(faked: FakeCluster) -> None:
    key = faked.rig.start(Analysis(writes={"out.txt": "x"}, says="done"))
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert [file.path for file in faked.rig.runner.collect(key, OutputRules(("out.txt",)))] == ["out.txt"]
    assert list(_volume(faked).iterdir()) == []


def test_more_disk_than_any_node_has_is_no_obstacle(faked: FakeCluster) -> None:
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("true", disk=2**40))
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED


def test_what_a_killed_pod_left_is_gone_when_its_run_begins_again(faked: FakeCluster) -> None:
    key = faked.rig.key()
    faked.rig.runner.start(
        key, faked.rig.spec("ln -s nowhere dangling; echo x > left; echo begun; while :; do sleep 0.1; done")
    )
    faked.rig.until_said(key)
    (pod,) = faked.api.pods()
    faked.api.delete_pod(pod, by_force=True)
    assert faked.rig.until_ended(key).outcome is Outcome.DISRUPTED
    (folder,) = _volume(faked).iterdir()
    assert (folder / "left").exists()
    faked.rig.runner.remove(key)
    faked.rig.runner.start(key, faked.rig.spec("ls"))
    assert faked.rig.until_ended(key).outcome is Outcome.SUCCEEDED
    assert faked.rig.whole_log(key) == b"code.txt\n"
    assert list(_volume(faked).iterdir()) == []
