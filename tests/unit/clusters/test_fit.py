"""Whether any node could ever take a run, and what is the nearest that could."""

from dataclasses import replace

import pytest

from tagstone.domain.runs.fit import fit
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.node import Node, Taint
from tagstone.domain.runs.placement import Profile, Toleration, place

GIB = 2**30
ASKED = Resources(cpu=4, memory=8 * GIB, disk=20 * GIB)


def node(name: str = "one", cpu: float = 8, memory: float = 32, disk: float = 100, **more: float) -> Node:
    return Node(name, {"cpu": cpu, "memory": memory * GIB, "ephemeral-storage": disk * GIB, "pods": 110} | more)


GPUS = replace(
    node("gpus", 16), allocatable={**node(cpu=16).allocatable, "nvidia.com/gpu": 2.0}, taints=(Taint("nvidia.com/gpu", "yes"),)
)


def test_every_node_that_could_take_it_is_named():
    found = fit(place(ASKED, {}), [node("b"), node("a"), node("small", cpu=2)])
    assert (found.able, found.possible, found.remedy) == (("a", "b"), True, "")
    assert found.as_text() == "2 of 3 nodes could take it."


def test_what_a_node_could_take_it_may_take_to_the_last_byte():
    assert fit(place(ASKED, {}), [node(cpu=4, memory=8, disk=20)]).possible


def test_our_own_containers_need_room_too():
    overhead = {"cpu": 0.1, "memory": 64 * 2.0**20}
    found = fit(place(ASKED, {}), [node(cpu=4, memory=8, disk=20)], overhead)
    assert found.resources == ("cpu", "memory")
    assert found.remedy == "Ask for at most cpu: 3.9 and memory: 8128Mi (run: resources)."
    assert fit(place(replace(ASKED, cpu=3.9, memory=8128 * 2**20), {}), [node(cpu=4, memory=8, disk=20)], overhead).possible


def test_the_nearest_node_is_the_one_that_lacks_least():
    found = fit(place(ASKED, {}), [node("tiny", 1, 1), node("almost", 8, 7), node("far", 2, 7)])
    assert found.nearest == "almost"
    assert (
        found.as_text()
        == "No node could ever take it. The nearest is almost: 8 GiB of memory asked for, it has 7 GiB of memory."
    )
    assert found.remedy == "Ask for at most memory: 7168Mi (run: resources)."


def test_a_gpu_that_no_node_has_is_told_with_the_nearest_that_is_there():
    found = fit(place(replace(ASKED, gpu=1), {}), [node("a"), node("b", 2)])
    assert found.nearest == "a"
    assert found.resources == ("nvidia.com/gpu",)
    assert "1 nvidia.com/gpu asked for, it has 0 nvidia.com/gpu" in found.as_text()
    assert found.remedy == "Ask for at most gpu: 0 (run: resources)."


def test_a_run_with_a_gpu_may_go_where_others_may_not():
    assert fit(place(replace(ASKED, gpu=2), {}), [node("a"), GPUS]).able == ("gpus",)
    assert fit(place(ASKED, {}), [node("a"), GPUS]).able == ("a",)


def test_too_many_gpus_are_refused_with_how_many_there_are():
    found = fit(place(replace(ASKED, gpu=8), {}), [node("a"), GPUS])
    assert (found.nearest, found.remedy) == ("gpus", "Ask for at most gpu: 2 (run: resources).")


def test_a_node_kept_for_others_is_farther_than_one_that_is_too_small():
    kept = replace(node("kept"), taints=(Taint("dedicated", "biology"),))
    found = fit(place(ASKED, {}), [kept, node("small", cpu=2)])
    assert found.nearest == "small"
    alone = fit(place(ASKED, {}), [kept])
    assert "it is kept for others (taint dedicated=biology:NoSchedule)" in alone.as_text()
    assert "another profile" in alone.remedy


def test_a_profile_s_nodes_need_its_labels():
    profiles = {"big": Profile(node_selector={"pool": "big"})}
    placement = place(replace(ASKED, profile="big"), profiles)
    labelled = replace(node("b"), labels={"pool": "big"})
    assert fit(placement, [node("a"), labelled]).able == ("b",)
    assert "it is not labelled pool=big, as the profile big wants" in fit(placement, [node("a")]).as_text()


def test_a_profile_may_put_up_with_taints():
    kept = replace(node("kept"), taints=(Taint("dedicated", "physics", "NoExecute"),))
    profiles = {"ours": Profile(tolerations=(Toleration("dedicated"),))}
    assert fit(place(replace(ASKED, profile="ours"), profiles), [kept]).possible


@pytest.mark.parametrize(
    "taint", [Taint("soft", effect="PreferNoSchedule"), Taint("node.kubernetes.io/unreachable", effect="NoExecute")]
)
def test_what_only_asks_or_passes_keeps_nobody_away_for_ever(taint: Taint):
    assert fit(place(ASKED, {}), [replace(node(), taints=(taint,))]).possible


def test_nodes_that_take_nobody_now_may_later():
    found = fit(place(ASKED, {}), [replace(node("a"), cordoned=True), replace(node("b"), ready=False)])
    assert found.possible
    assert found.as_text() == "2 of 2 nodes could take it, but none takes anything now."


def test_a_cluster_without_nodes_takes_nothing():
    found = fit(place(ASKED, {}), [])
    assert (found.possible, found.as_text()) == (False, "The cluster has no node.")
    assert found.remedy


def test_a_node_that_takes_no_pods_is_none():
    assert not fit(place(ASKED, {}), [replace(node(), allocatable={**node().allocatable, "pods": 0.0})]).possible


def test_programs_are_told_the_same():
    said = fit(place(replace(ASKED, gpu=1), {}), [node("a")]).as_json()
    assert (said["possible"], said["nearest"], said["nodes"]) == (False, "a", 1)
    assert said["lacks"] == [
        {"text": "1 nvidia.com/gpu asked for, it has 0 nvidia.com/gpu", "resource": "nvidia.com/gpu", "most": 0.0}
    ]
