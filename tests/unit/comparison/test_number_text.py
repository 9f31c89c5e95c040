"""Texts with numbers, compared by value."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.adapters.output_values.differences import Differences, Unreadable
from tagstone.adapters.output_values.number_text import compare
from tagstone.domain.runs.comparison import Deviation


def compared(recorded: str | bytes, found: str | bytes, rtol: float = 0.0, atol: float = 0.0) -> Deviation:
    differences = Differences(rtol, atol)
    one, two = (io.BytesIO(text.encode() if isinstance(text, str) else text) for text in (recorded, found))
    compare(one, two, differences)
    return differences.result()


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        ("1.0,2\n", "1.00,2.0\n"),
        ("x  -1.5   3\n", "x -1.5 3\r\n"),
        ("1e3 nan inf\n", "1000.0 NaN +Infinity\n"),
        ("1.5D+03\n", "1500\n"),
        ("chi2 = 3.10 (2 of 7)\n", "chi2 = 3.1 (2 of 7)\n"),
        ("12:30:45.0\n", "12:30:45\n"),
        ("a\n", "a"),
        ("9007199254740993\n", "9007199254740993.0\n".replace(".0", "")),
    ],
)
def test_the_same_values_written_otherwise_are_equal(recorded, found):
    assert compared(recorded, found).within


@pytest.mark.parametrize(
    ("recorded", "found"),
    [
        ("1.0\n", "1.1\n"),
        ("run3 1\n", "run4 1\n"),
        ("2026-01-02\n", "2026-01-03\n"),
        ("1,2\n", "1;2\n"),
        ("1 2\n", "1 2 3\n"),
        ("1\n", "1\n2\n"),
        ("1\n2\n", "1\n"),
        ("nan\n", "1\n"),
        ("inf\n", "-inf\n"),
        ("9007199254740993\n", "9007199254740992\n"),
        ("naïve\n", "naive\n"),
        (b"\xff\n", b"\xfe\n"),
    ],
)
def test_other_values_texts_and_shapes_are_not(recorded, found):
    assert not compared(recorded, found).within


def test_numbers_may_differ_by_the_tolerance_and_no_more():
    assert compared("100\n", "101\n", rtol=0.01).within
    assert not compared("100\n", "101.1\n", rtol=0.01).within
    assert compared("0\n", "1e-12\n", atol=1e-12).within
    assert compared("100\n", "101.5\n", rtol=0.01, atol=0.5).within


def test_no_tolerance_makes_another_date_or_name_equal():
    assert not compared("2026-01-02 a1\n", "2026-01-03 a1\n", rtol=0.9, atol=1000).within
    assert not compared("a1\n", "a2\n", rtol=0.9, atol=1000).within


def test_the_worst_cell_is_told_by_line_column_and_name():
    found = compared("time,flux\n1,2.0\n2,4.0\n3,8.0\n", "time,flux\n1,2.0\n2,4.5\n3,8.1\n")
    assert (found.beyond, found.largest, found.relative) == (2, 0.5, 0.125)
    assert found.notes == ("line 3, column 2 ('flux'): 4.0 recorded, 4.5 found",)


def test_lines_in_another_order_are_said_to_be_that():
    assert "the same lines stand in another order" in compared("b 2\na 1\n", "a 1\nb 2\n").notes


def test_a_stranger_s_text_is_shown_on_one_line():
    notes = compared("a\x1b[31m\u2028b\n", "c\n").notes
    assert all(note.isprintable() and note.isascii() for note in notes)


def test_what_is_no_text_is_unreadable():
    with pytest.raises(Unreadable, match="NUL"):
        compared(b"\0", b"\0\0")
    with pytest.raises(Unreadable, match="16 MiB"):
        compared(b"1" * (17 * 2**20), b"2")


@given(st.binary(), st.binary())
def test_any_bytes_are_compared_or_refused(one, two):
    try:
        found = compared(one, two)
    except Unreadable:
        return
    assert compared(one, one).within
    assert found.within or found.notes


@given(st.lists(st.lists(st.floats(allow_nan=True), min_size=1, max_size=4), max_size=4))
def test_any_table_of_floats_equals_itself_in_another_notation(rows):
    plain = "\n".join(",".join(repr(value) for value in row) for row in rows)
    spaced = "\r\n".join(" , ".join(f"{value:.17e}" for value in row) for row in rows)
    assert compared(plain, spaced).within
