"""What a manifest asks for, in the words of a cluster: claims, labels of nodes, taints that are put up with."""

from dataclasses import replace

import pytest

from tagstone.domain.runs.hardware import Granted, Resources
from tagstone.domain.runs.node import Taint
from tagstone.domain.runs.placement import Placement, Profile, Toleration, place, with_unreadable
from tagstone.domain.runs.shortfall import shortfalls
from tagstone.errors import Invalid

GIB = 2**30
A100 = Profile(
    gpu_resource="nvidia.com/gpu",
    gpu_type="a100",
    node_selector={"pool": "a100"},
    tolerations=(Toleration("dedicated", "physics", "NoSchedule"),),
    runtime_class="nvidia",
    priority_class="low",
    queue="gpus",
)
PROFILES = {
    "gpu-a100": A100,
    "mi250": Profile(gpu_resource="amd.com/gpu", gpu_type="mi250"),
    "big": Profile(node_selector={"pool": "big"}),
}


def asked(**more: object) -> Resources:
    return replace(Resources(cpu=2, memory=4 * GIB, disk=10 * GIB), **more)  # type: ignore[arg-type]


def test_amounts_are_claims():
    found = place(asked(), PROFILES)
    assert found == Placement({"cpu": 2, "memory": 4 * GIB, "ephemeral-storage": 10 * GIB})


def test_a_profile_says_where_to_go():
    found = place(asked(profile="gpu-a100", gpu=2), PROFILES)
    assert found.claims["nvidia.com/gpu"] == 2
    assert found.node_selector == {"pool": "a100"}
    assert (found.runtime_class, found.priority_class, found.queue, found.profile) == ("nvidia", "low", "gpus", "gpu-a100")


def test_what_asks_for_no_profile_gets_the_default_one():
    assert place(asked(), PROFILES, "big").node_selector == {"pool": "big"}
    assert place(asked(gpu=1, gpu_type="a100"), PROFILES, "big").profile == "gpu-a100"


@pytest.mark.parametrize(
    ("kind", "resource", "profile"),
    [
        (None, "nvidia.com/gpu", None),
        ("nvidia", "nvidia.com/gpu", None),
        ("AMD", "amd.com/gpu", None),
        ("intel", "gpu.intel.com/i915", None),
        ("a100", "nvidia.com/gpu", "gpu-a100"),
        ("A100", "nvidia.com/gpu", "gpu-a100"),
        ("mi250", "amd.com/gpu", "mi250"),
    ],
)
def test_a_gpu_is_what_its_vendor_calls_it(kind: str | None, resource: str, profile: str | None):
    found = place(asked(gpu=1, gpu_type=kind), PROFILES)
    assert (found.claims[resource], found.gpu_type) == (1, kind)
    assert found.profile == profile
    assert any(one.covers(Taint(resource, "present")) for one in found.tolerations)


def test_a_kind_of_gpu_without_a_gpu_says_nothing():
    assert place(asked(gpu_type="a100"), PROFILES).profile is None


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"profile": "gpu-a10"}, "Did you mean gpu-a100?"),
        ({"profile": "quantum"}, "big, gpu-a100, mi250"),
        ({"gpu": 1, "gpu_type": "a1000"}, "Did you mean a100?"),
        ({"gpu": 1, "gpu_type": "h100", "profile": "gpu-a100"}, "Leave out one"),
        ({"gpu": 1, "gpu_type": "amd", "profile": "gpu-a100"}, "Leave out one"),
    ],
)
def test_what_the_cluster_does_not_have_is_refused_with_the_nearest(wanted: dict[str, object], word: str):
    with pytest.raises(Invalid) as refused:
        place(asked(**wanted), PROFILES)
    assert word in refused.value.remedy


def test_a_cluster_without_profiles_says_so():
    with pytest.raises(Invalid) as refused:
        place(asked(profile="big"), {})
    assert refused.value.remedy == "Leave `profile` out: this cluster has none."


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        (Toleration(), True),
        (Toleration("dedicated"), True),
        (Toleration("dedicated", "physics"), True),
        (Toleration("dedicated", "physics", "NoSchedule"), True),
        (Toleration("dedicated", "biology"), False),
        (Toleration("other"), False),
        (Toleration("dedicated", effect="NoExecute"), False),
    ],
)
def test_a_toleration_covers_as_the_scheduler_has_it(toleration: Toleration, covers: bool):
    assert toleration.covers(Taint("dedicated", "physics", "NoSchedule")) is covers


def test_devices_that_nobody_inside_can_name_count_as_the_cluster_gave_them():
    granted = Granted("inside", None, 4, 4.0, None, None, None, "6.1", "x86_64")
    fpga = place(asked(gpu=2, profile="fpga"), {"fpga": Profile(gpu_resource="example.org/fpga")})
    assert with_unreadable(granted, fpga).gpus == ("example.org/fpga", "example.org/fpga")
    assert with_unreadable(granted, place(asked(gpu=2), {})).gpus == ()


@pytest.mark.parametrize("kind", [None, "amd", "mi250"])
def test_what_the_cluster_gave_of_another_vendor_meets_the_request(kind: str | None):
    granted = Granted("inside", None, 4, 4.0, None, None, None, "6.1", "x86_64")
    wanted = asked(gpu=1, gpu_type=kind, profile="mi250" if kind is None else None)
    assert shortfalls(wanted, with_unreadable(granted, place(wanted, PROFILES))) == ()


@pytest.mark.parametrize("kind", [None, "nvidia", "a100"])
def test_an_nvidia_gpu_has_to_be_seen(kind: str | None):
    granted = Granted("inside", None, 4, 4.0, None, None, None, "6.1", "x86_64")
    wanted = asked(gpu=1, gpu_type=kind)
    placement = place(wanted, PROFILES)
    assert shortfalls(wanted, with_unreadable(granted, placement))
    seen = replace(granted, gpus=("NVIDIA A100-SXM4-40GB",))
    assert shortfalls(wanted, with_unreadable(seen, placement)) == ()
