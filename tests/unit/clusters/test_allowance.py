"""What quotas and ranges of a namespace would never admit."""

import pytest

from tagstone.domain.runs.allowance import Quota, Range, excesses

GIB = 2.0**30
CLAIMS = {"cpu": 4.0, "memory": 8 * GIB, "ephemeral-storage": 10 * GIB, "nvidia.com/gpu": 2.0}
OVERHEAD = {"cpu": 0.1, "memory": 0.125 * GIB}


@pytest.mark.parametrize(
    ("hard", "word"),
    [
        ({"limits.cpu": 2.0}, "the quota 'team' allows 2 cores"),
        ({"requests.memory": 4 * GIB, "limits.memory": 100 * GIB}, "allows 4 GiB of memory"),
        ({"cpu": 1.0}, "allows 1 core for"),
        ({"requests.nvidia.com/gpu": 1.0}, "allows 1 nvidia.com/gpu"),
        ({"requests.ephemeral-storage": GIB}, "allows 1 GiB of disk"),
    ],
)
def test_more_than_a_whole_quota_is_never_admitted(hard: dict[str, float], word: str):
    (said,) = excesses(CLAIMS, {}, [Quota("team", hard)], [])
    assert word in said


def test_our_own_containers_count_too():
    quota = Quota("team", {"limits.cpu": 4.0})
    assert excesses(CLAIMS, {}, [quota], []) == ()
    assert len(excesses(CLAIMS, OVERHEAD, [quota], [])) == 1


def test_what_a_quota_counts_beside_does_not_matter():
    assert excesses(CLAIMS, OVERHEAD, [Quota("team", {"count/jobs.batch": 1.0, "pods": 1.0, "limits.cpu": 64.0})], []) == ()


def test_a_range_holds_for_each_container():
    container = Range("small", "Container", most={"cpu": 4.0})
    assert excesses(CLAIMS, OVERHEAD, [], [container]) == ()
    (said,) = excesses(CLAIMS, OVERHEAD, [], [Range("small", "Container", most={"cpu": 2.0})])
    assert said == "4 cores asked for, the range 'small' allows a container at most 2 cores."


def test_a_range_for_pods_counts_all_in_it():
    assert len(excesses(CLAIMS, OVERHEAD, [], [Range("small", "Pod", most={"cpu": 4.0})])) == 1


def test_a_range_may_want_more():
    (said,) = excesses(CLAIMS, OVERHEAD, [], [Range("large", "Container", least={"memory": 16 * GIB})])
    assert "wants at least 16 GiB of memory" in said
