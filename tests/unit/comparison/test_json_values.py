"""JSON by value."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.adapters.output_values.differences import Differences, Unreadable
from tagstone.adapters.output_values.json_values import compare
from tagstone.domain.runs.comparison import Deviation

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def compared(recorded: str | bytes, found: str | bytes, rtol: float = 0.0, atol: float = 0.0) -> Deviation:
    differences = Differences(rtol, atol)
    one, two = (io.BytesIO(text.encode() if isinstance(text, str) else text) for text in (recorded, found))
    compare(one, two, differences)
    return differences.result()


def test_order_of_keys_blanks_and_notation_do_not_count():
    assert compared('{"a": 1, "b": [1.0, NaN]}', '{ "b":[1,NaN],"a":1e0}').within


def test_numbers_have_a_tolerance_and_texts_have_none():
    assert compared('{"a": 1.0}', '{"a": 1.0000000001}', rtol=1e-9).within
    assert not compared('{"a": "1.0"}', '{"a": "1.0000000001"}', rtol=1e-9).within


def test_the_places_are_json_pointers():
    found = compared('{"a/b": [1, 2], "c~": null, "d": 1}', '{"a/b": [1, 3], "c~": 0, "e": 1}')
    assert found.notes == (
        "'/a~1b/1': 2 recorded, 3 found",
        "'/c~0': 'null' recorded, '0' found",
        "'/d': recorded only",
        "'/e': found only",
    )


def test_true_is_no_number():
    assert not compared("true", "1").within


def test_arrays_of_other_lengths_differ():
    assert "2 items recorded, 1 found" in compared("[1, 2]", "[1]").notes[0]


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff\xff", b"1" * 5000])
def test_what_cannot_be_read_is_said_so(data):
    with pytest.raises(Unreadable):
        compared(data, data)


@given(VALUES)
def test_any_value_equals_itself(value):
    assert compared(json.dumps(value), json.dumps(value, indent=1, sort_keys=True)).within
