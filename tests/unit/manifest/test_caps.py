"""Caps on hardware: read as people write them, kept as they are, and lower than a site's own limits or without effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.publications.policy import Policy
from tagstone.domain.runs import caps
from tagstone.domain.runs.caps import Caps
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.placement import Profile
from tagstone.errors import Invalid

NAMES = ("cpu", "memory", "disk", "time", "gpu")


def test_they_are_read_with_units():
    written = {"cpu": "2.5", "memory": "4Gi", "disk": " 10G ", "time": "1d12h", "gpu": "0"}
    assert caps.parse(written) == Caps(2.5, 4 * 2**30, 10**10, 129_600, 0)


def test_what_is_left_out_is_not_capped():
    assert caps.parse({"cpu": "", "memory": None}) == Caps()
    assert str(Caps()) == "no caps"


def test_people_read_them_with_units():
    assert str(Caps(cpu=2, memory=2**30, gpu=1)) == "at most 2 cores, 1 GiB of memory, 1 GPUs"


@given(name=st.sampled_from(NAMES), text=st.text(max_size=30))
def test_whatever_is_written_is_read_or_refused(name: str, text: str):
    try:
        found = caps.parse({name: text})
    except Invalid:
        return
    assert caps.load(caps.dump(found)) == found


@given(
    st.builds(Caps, cpu=st.none() | st.floats(0.1, 1000), memory=st.none() | st.integers(1), gpu=st.none() | st.integers(0, 99))
)
def test_they_are_kept_as_they_are(given: Caps):
    assert caps.load(caps.dump(given)) == given


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "0", "1e99", "two"])
def test_no_such_number_of_cores_is_taken(text: str):
    with pytest.raises(Invalid):
        caps.parse({"cpu": text})


def test_a_project_gets_no_more_than_the_site_has():
    policy = Policy(cpu=4, memory=None).capped(Caps(cpu=8, memory=2**30, gpu=0))
    assert (policy.cpu, policy.memory, policy.gpu, policy.disk) == (4, 2**30, 0, None)
    assert policy.excesses(Resources(cpu=5, memory=2**31, gpu=1)) == [
        "cpu: 5 cores asked for, at most 4 cores allowed",
        "memory: 2 GiB asked for, at most 1 GiB allowed",
        "gpu: 1 GPUs asked for, at most 0 GPUs allowed",
    ]


def test_machines_that_no_cluster_has_are_refused():
    policy = Policy(clusters=({"big": Profile()}, {"gpu": Profile(gpu_type="a100")}))
    assert policy.misplaced(Resources(profile="gpu")) is None
    assert policy.misplaced(Resources(gpu=1, gpu_type="a100")) is None
    assert "no profile 'small'" in str(policy.misplaced(Resources(profile="small")))
    assert "no GPU of the kind 'h100'" in str(policy.misplaced(Resources(gpu=1, gpu_type="h100")))


def test_without_a_cluster_nobody_knows_a_profile():
    assert Policy().misplaced(Resources(gpu=1, gpu_type="a100")) is None
    refused = Policy().misplaced(Resources(profile="big"))
    assert refused is not None
    assert "publish where a cluster has it" in refused.remedy
