"""For how many days before its end somebody is warned of a credential."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.credentials.credential import DAY, WARNED, due, lacking

END = 1_800_000_000.0


@pytest.mark.parametrize(
    ("days", "warned", "told"),
    [
        (31, None, None),
        (30, None, 30),
        (29, 30, None),
        (8, 30, None),
        (7, 30, 7),
        (7, 7, None),
        (1, 7, 1),
        (0.5, 1, None),
        (0, 1, 0),
        (-5, 0, None),
        (5, None, 7),
        (-400, None, 0),
    ],
)
def test_each_limit_is_told_once_and_the_nearest_first(days, warned, told):
    assert due(END, END - days * DAY, warned) == told


def test_what_has_no_end_or_is_nobodys_business_is_not_told():
    assert due(None, END, None) is None
    assert due(END, END, None, None) is None


def test_what_is_renewed_by_itself_is_told_when_that_did_not_happen():
    assert due(END, END - 20 * DAY, None, 7) is None
    assert due(END, END - 6 * DAY, None, 7) == 7


@given(st.lists(st.integers(0, 2400), min_size=1, max_size=50), st.sampled_from([30, 7, 1]))
def test_however_often_it_is_looked_at_nothing_is_told_twice(hours, warn):
    warned, told = None, []
    for left in sorted((hour / 24 for hour in hours), reverse=True):
        now = due(END, END - left * DAY, warned, warn)
        if now is not None:
            assert left <= now
            told.append(now)
            warned = now
    assert told == sorted(set(told), reverse=True)
    assert set(told) <= {limit for limit in WARNED if limit <= warn}
    reached = [limit for limit in WARNED if min(hours) / 24 <= limit <= warn]
    assert told[-1:] == ([min(reached)] if reached else [])


def test_what_may_do_everything_lacks_nothing():
    assert lacking(["read_api"], ["read_api", "read_repository"], "api") == ("read_repository",)
    assert lacking(["api"], ["read_api", "read_repository"], "api") == ()
