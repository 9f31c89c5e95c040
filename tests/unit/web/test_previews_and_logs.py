"""Tables and logs of strangers as plain text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.installation import Installation
from tagstone.edges import log_bytes
from tagstone.store import logs
from tagstone.web import log_text
from tagstone.web.heads import Preview, preview


def preview_of(folder: Path, data: bytes, name: str = "table.csv") -> Preview:
    (folder / name).write_bytes(data)
    shown = preview(folder / name, name)
    assert shown is not None
    return shown


def test_a_table_shows_its_header_and_first_rows(tmp_path: Path):
    rows = b"".join(b"%d,%d\n" % (number, number * number) for number in range(100))
    shown = preview_of(tmp_path, b"x,y\n" + rows)
    assert shown.header == ("x", "y")
    assert shown.rows[7] == ("7", "49")
    assert len(shown.rows) == 8
    assert shown.more_rows
    assert not shown.more_columns


def test_comments_quotes_tabs_and_ragged_rows_are_understood(tmp_path: Path):
    assert preview_of(tmp_path, b'# made by us\na,b\n"1,5",2,3\n').rows == (("1,5", "2", "3"),)
    assert preview_of(tmp_path, b"a\tb\n1\t2\n", "table.tsv").header == ("a", "b")
    assert preview_of(tmp_path, b"\xef\xbb\xbfa,b\r\n1,2\r\n").header == ("a", "b")


def test_wide_tables_and_long_cells_are_cut(tmp_path: Path):
    shown = preview_of(tmp_path, b",".join(b"c%d" % n for n in range(50)) + b"\n" + b"x" * 500 + b"\n")
    assert len(shown.header) == 12
    assert shown.more_columns
    assert shown.rows[0][0] == "x" * 59 + "…"


def test_only_the_beginning_of_a_large_table_is_read(tmp_path: Path):
    assert preview_of(tmp_path, b"a,b\n" + b"1,2\n" * 1_000_000).more_rows


@pytest.mark.parametrize("data", [b"", b"a,b\n", b"\0\0\0", b"x" * 200_000, b'"never closed\n' * 50_000])
def test_what_is_no_table_is_not_shown_as_one(tmp_path: Path, data: bytes):
    (tmp_path / "t.csv").write_bytes(data)
    shown = preview(tmp_path / "t.csv", "t.csv")
    assert shown is None or len(shown.rows) <= 8


@settings(deadline=None)  # of a busy machine
@given(data=st.binary(max_size=400))
def test_no_bytes_break_a_preview(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(data)
    shown = preview(file, "any.csv")
    for cell in (cell for row in (shown.header, *shown.rows) for cell in row) if shown else ():
        assert cell == "" or cell.isprintable() or not any(ord(character) < 32 for character in cell)


def test_what_moves_a_terminals_cursor_is_left_out():
    data = b"\x1b[1;31mred\x1b[0m\r\n10%\r 50%\r100%\n\x1b]0;title\x07end\x07\n"
    assert log_text.clean(data, from_start=True) == "red\n100%\nend\N{REPLACEMENT CHARACTER}"


def test_letters_that_turn_the_reading_direction_are_shown_as_unknown():
    assert log_text.clean("a\u202eb".encode(), from_start=True) == "a\N{REPLACEMENT CHARACTER}b"


def test_a_cut_first_line_is_left_out():
    assert log_text.clean(b"ut line\nwhole line\n", from_start=False) == "whole line"


@settings(deadline=None)  # of a busy machine
@given(data=st.binary(max_size=300))
def test_no_bytes_of_a_log_leave_a_control_character(data: bytes):
    text = log_text.clean(data, from_start=True)
    assert not [character for character in text if ord(character) < 32 and character not in "\n\t"]


def test_a_log_whose_chunk_is_missing_shows_the_rest(installation: Installation):
    publication = installation.publication()
    installation.log(publication, "run-1", [b"one\n", b"two\n", b"three\n"])
    installation.storage.delete(logs.chunk_key(publication, "run-1", 2))
    with installation.sessions.read() as session:
        log = logs.find(session, publication, "run-1")
    assert log is not None
    assert log_text.tail(installation.storage, log) == "one\nthree"
    assert b"".join(log_bytes.whole(installation.storage, log)) == b"one\nthree\n"
