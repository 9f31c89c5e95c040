"""Amounts as Kubernetes writes them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.runs.quantity import parse_quantity, write_cores
from tagstone.errors import Invalid


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        ("3920m", 3.92),
        ("0.5", 0.5),
        (".5", 0.5),
        ("16Gi", 16 * 2**30),
        ("16G", 16e9),
        ("32818492Ki", 32818492 * 1024),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12E", 12e18),
        ("500000000n", 0.5),
        ("110", 110),
        ("0", 0),
    ],
)
def test_every_form_is_read(text: str, number: float):
    assert parse_quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "Gi", "4gi", "-1", "1e999", "1 Gi", "nan", "inf", "0x10", "1e3Gi", "9" * 31])
def test_what_is_none_is_refused(text: str):
    with pytest.raises(Invalid):
        parse_quantity(text)


@given(text=st.text(max_size=20))
def test_whatever_a_cluster_says_is_read_or_refused(text: str):
    with contextlib.suppress(Invalid):
        assert parse_quantity(text) >= 0


@given(cores=st.floats(0.001, 4096))
def test_cores_are_never_written_as_less_than_was_asked_for(cores: float):
    assert cores <= parse_quantity(write_cores(cores)) + 1e-8
    assert parse_quantity(write_cores(cores)) < cores + 0.0011


def test_whole_and_half_cores_stay_what_they_are():
    assert [write_cores(cores) for cores in (1, 0.5, 2.1)] == ["1000m", "500m", "2100m"]
