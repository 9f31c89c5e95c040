"""Whether a cluster could ever run what a manifest asks for, told before a tag is set."""

from dataclasses import replace

from tagstone.actions.check_cluster import ClusterView, check_cluster
from tagstone.domain.runs.allowance import Quota, Range
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.node import Node
from tagstone.domain.runs.placement import Profile
from tagstone.errors import Away

GIB = 2.0**30
NODE = Node("one", {"cpu": 8.0, "memory": 32 * GIB, "ephemeral-storage": 100 * GIB})
GPU = replace(NODE, name="gpu", allocatable={**NODE.allocatable, "nvidia.com/gpu": 1.0})
ASKED = Resources(cpu=2, memory=4 * 2**30)


def view(*nodes: Node, name: str = "here", quotas: tuple[Quota, ...] = (), ranges: tuple[Range, ...] = ()) -> ClusterView:
    return ClusterView(name, lambda: nodes, lambda: quotas, lambda: ranges)


def test_a_run_that_fits_has_no_fault():
    found = check_cluster(ASKED, [view(NODE)])
    assert found.faults == ()
    assert found.as_text() == "cluster here: 1 of 1 nodes could take it."
    assert found.as_json()["name"] == "here"


def test_a_gpu_goes_to_the_node_that_has_one():
    found = check_cluster(replace(ASKED, gpu=1), [view(NODE, GPU)])
    assert found.fit is not None
    assert found.fit.able == ("gpu",)


def test_a_gpu_that_is_nowhere_is_a_fault_with_the_nearest():
    (fault,) = check_cluster(replace(ASKED, gpu=1), [view(NODE)]).faults
    assert not fault.warning
    assert "The nearest is one: 1 nvidia.com/gpu asked for" in fault.message
    assert fault.remedy == "Ask for at most gpu: 0 (run: resources)."


def test_a_cluster_that_makes_nodes_may_still_get_one():
    (fault,) = check_cluster(replace(ASKED, gpu=1), [replace(view(NODE), grows=True)]).faults
    assert fault.warning


def test_our_own_containers_are_counted():
    (fault,) = check_cluster(replace(ASKED, cpu=8), [replace(view(NODE), overhead={"cpu": 0.1})]).faults
    assert "8 cores asked for, it has 7.9 cores" in fault.message


def test_nodes_that_take_nobody_now_are_a_warning():
    (fault,) = check_cluster(ASKED, [view(replace(NODE, cordoned=True))]).faults
    assert fault.warning


def test_quotas_and_ranges_that_never_admit_it_are_faults():
    quota, limit = Quota("team", {"limits.cpu": 1.0}), Range("small", "Container", most={"memory": GIB})
    faults = check_cluster(ASKED, [view(NODE, quotas=(quota,), ranges=(limit,))]).faults
    assert ["'team'" in faults[0].message, "'small'" in faults[1].message] == [True, True]


def test_the_profile_says_which_cluster():
    there = replace(view(GPU, name="there"), profiles={"gpu": Profile()})
    assert check_cluster(replace(ASKED, profile="gpu"), [view(NODE), there]).cluster == "there"
    assert check_cluster(ASKED, [view(NODE), there]).cluster == "here"


def test_a_profile_that_nobody_has_is_a_fault():
    found = check_cluster(replace(ASKED, profile="quantum"), [view(NODE)])
    assert (found.cluster, found.as_text()) == ("", "")
    assert "no profile 'quantum'" in found.faults[0].message


def test_nodes_that_may_not_be_looked_at_are_a_warning():
    blind = replace(view(), nodes=lambda: None)
    (fault,) = check_cluster(ASKED, [blind]).faults
    assert fault.warning
    assert "deploy/kubernetes/nodes" in fault.remedy


def test_a_cluster_that_does_not_answer_is_a_warning():
    def away() -> None:
        raise Away("The cluster does not answer.")

    (fault,) = check_cluster(ASKED, [replace(view(), nodes=away)]).faults
    assert fault.warning
    assert fault.message == "The cluster does not answer."


def test_a_site_without_a_cluster_says_so():
    assert "no cluster" in check_cluster(ASKED, []).faults[0].message


def test_where_workspaces_lie_on_a_volume_the_disks_of_nodes_may_be_small():
    asked = replace(ASKED, disk=2**40)
    assert len(check_cluster(asked, [view(NODE)]).faults) == 1
    assert check_cluster(asked, [replace(view(NODE), volume=True)]).faults == ()
