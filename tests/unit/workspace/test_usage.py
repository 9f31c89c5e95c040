"""Samples of what a run uses: few, evenly spread, and none is forgotten."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tagstone.adapters.run_folder import RunFolder
from tagstone.domain.runs.run import MOST_SAMPLES, Sample, with_sample
from tagstone.domain.runs.seen import Seen


def sampled(times: list[float], cpu: float = 1.0) -> tuple[Sample, ...]:
    usage: tuple[Sample, ...] = ()
    for number, at in enumerate(times):
        usage = with_sample(usage, Sample(at, cpu, number))
    return usage


def test_a_short_run_keeps_every_look_that_is_a_moment_apart():
    assert [sample.at for sample in sampled([0.2, 0.5, 1.0, 2.0])] == [0.2, 0.5, 1.0, 2.0]


def test_a_long_run_keeps_samples_that_are_evenly_apart():
    times = [sample.at for sample in sampled([2.0 * number for number in range(1, 5001)])]
    assert MOST_SAMPLES / 2 <= len(times) <= MOST_SAMPLES
    gaps = [after - before for before, after in itertools.pairwise(times[:-1])]
    assert max(gaps) <= 2 * min(gaps)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=600, unique=True).map(sorted))
def test_there_are_never_too_many_and_the_mean_and_the_highest_stay(times):
    usage = sampled(times, cpu=0.7)
    assert len(usage) <= MOST_SAMPLES
    assert usage[-1].at == times[-1]
    assert all(abs(sample.cpu - 0.7) < 1e-6 for sample in usage)
    assert max(sample.memory for sample in usage) == len(times) - 1


def test_cores_in_use_are_processor_time_by_time():
    seen = Seen().using(2.0, 1.0, 10).using(4.0, 4.0, 20)
    assert seen.usage == (Sample(2.0, 0.5, 10), Sample(4.0, 1.5, 20))
    assert seen.cpu_seconds == 4.0


def test_two_looks_at_once_are_one():
    assert Seen().using(2.0, 1.0, 10).using(2.01, 1.1, 10) == Seen().using(2.0, 1.0, 10)


def test_samples_are_read_again_from_the_run_s_folder(tmp_path):
    run = RunFolder(tmp_path, "p1")
    with run.locked():
        run.seen = Seen().using(2.0, 1.0, 10)
    assert RunFolder(tmp_path, "p1").seen.usage == (Sample(2.0, 0.5, 10),)
