"""Hardware that was asked for, against what is there."""

from dataclasses import replace

import pytest

from tagstone.domain.runs.hardware import Granted, Resources
from tagstone.domain.runs.shortfall import shortfalls

GIB = 2**30
ASKED = Resources(cpu=4, memory=8 * GIB)
GRANTED = Granted("inside", None, 64, 4.0, 8 * GIB, 256 * GIB, None, "6.1", "x86_64")


def test_what_was_asked_for_is_there():
    assert shortfalls(ASKED, GRANTED) == ()


def test_more_than_was_asked_for_is_no_fault():
    assert shortfalls(ASKED, replace(GRANTED, cpu_limit=None, memory_limit=None)) == ()


@pytest.mark.parametrize(
    ("granted", "asked", "word"),
    [
        (replace(GRANTED, cpu_limit=1.0), ASKED, "4 cores"),
        (replace(GRANTED, cpu_limit=None, cpus_visible=2), ASKED, "2 are there"),
        (replace(GRANTED, memory_limit=GIB), ASKED, "1 GiB are there"),
        (replace(GRANTED, memory_limit=None, memory_total=4 * GIB), ASKED, "4 GiB are there"),
        (GRANTED, replace(ASKED, gpu=1), "1 GPUs were asked for, 0"),
        (replace(GRANTED, gpus=("Tesla T4",)), replace(ASKED, gpu=1, gpu_type="a100"), "Tesla T4"),
    ],
)
def test_what_is_missing_is_said(granted, asked, word):
    (said,) = shortfalls(asked, granted)
    assert word in said


def test_a_gpu_of_the_wanted_kind_is_recognised():
    asked = replace(ASKED, gpu=1, gpu_type="a100")
    assert shortfalls(asked, replace(GRANTED, gpus=("NVIDIA A100-SXM4-40GB",))) == ()
