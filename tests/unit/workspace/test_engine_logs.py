"""Logs are read on from cursors: nothing lost, nothing twice, not more than is kept."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagstone.adapters import engine_logs
from tagstone.adapters.engine_logs import Cursor, frames, read_file, read_messages
from tagstone.errors import Invalid


def k8s(text: bytes, second: int = 0) -> bytes:
    whole = text.endswith(b"\n")
    return b"2026-11-21T02:20:%02d.000000001+00:00 stdout %s %s\n" % (second, b"F" if whole else b"P", text.removesuffix(b"\n"))


def docker(text: str, second: int = 0) -> bytes:
    return json.dumps({"log": text, "stream": "stderr", "time": f"2026-11-21T02:20:{second:02}.1Z"}).encode() + b"\n"


def drain(path: Path, cursor: str = "", limit: int = 10**9, *, ended: bool = False) -> tuple[bytes, str]:
    pieces = []
    while (chunk := read_file(path, Cursor.parse(cursor), limit, ended=ended)).data:
        pieces.append(chunk.data)
        cursor = chunk.cursor
    return b"".join(pieces), chunk.cursor


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ctr.log"


def test_both_formats_are_understood(log: Path) -> None:
    log.write_bytes(k8s(b"one\n") + k8s(b"two ") + k8s(b"{three}\n"))
    assert drain(log)[0] == b"one\ntwo {three}\n"
    log.write_bytes(docker("one\n") + docker("tw\u00f6 ") + docker("\ud800three"))
    assert drain(log)[0] == "one\ntwö ?three".encode()


def test_half_a_line_waits_for_its_other_half(log: Path) -> None:
    line = k8s(b"whole\n")
    log.write_bytes(line + line[:20])
    said, cursor = drain(log)
    assert said == b"whole\n"
    with log.open("ab") as file:
        file.write(line[20:])
    assert drain(log, cursor)[0] == b"whole\n"


def test_no_file_and_an_empty_file_say_nothing(log: Path) -> None:
    assert drain(log, ended=True)[0] == b""
    log.touch()
    assert drain(log, ended=True)[0] == b""


def test_what_is_over_the_limit_is_counted_and_told_once_at_the_end(log: Path) -> None:
    log.write_bytes(b"".join(k8s(b"0123456789\n", n) for n in range(10)))
    said, cursor = drain(log, limit=25)
    assert said == b"0123456789\n0123456789\n012"
    said, cursor = drain(log, cursor, limit=25, ended=True)
    assert said == b"\n[Tagstone kept 25 bytes of this log; 85 more were left out.]\n"
    assert drain(log, cursor, limit=25, ended=True)[0] == b""


def test_a_file_that_was_renamed_is_read_to_its_end_before_the_new_one(log: Path) -> None:
    log.write_bytes(k8s(b"a\n", 1))
    said, cursor = drain(log)
    with log.open("ab") as file:
        file.write(k8s(b"b\n", 2))
    log.rename(f"{log}.1")
    log.write_bytes(k8s(b"c\n", 3))
    assert said + drain(log, cursor)[0] == b"a\nb\nc\n"
    assert drain(log)[0] == b"a\nb\nc\n"


def test_a_file_that_was_thrown_away_leaves_a_gap_that_is_told(log: Path) -> None:
    log.write_bytes(k8s(b"a\n", 1))
    _, cursor = drain(log)
    log.unlink()
    log.write_bytes(k8s(b"z\n", 9))
    said, cursor = drain(log, cursor, ended=True)
    assert said == b"z\n\n[Tagstone kept 4 bytes of this log; at least 0 more were left out.]\n"


@pytest.mark.parametrize("text", ["x", "file:1", "file:1:2:3:4:5:6:x", "file:-1:0:0:0:0:0:0", "disk:0:0:0:0:0:0:0"])
def test_a_cursor_of_somebody_else_is_invalid(text: str) -> None:
    with pytest.raises(Invalid, match="no place in a log"):
        Cursor.parse(text)


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(st.binary(max_size=40).filter(lambda data: b"\n" not in data[:-1]), max_size=30),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
    piece=st.integers(120, 400),
)
def test_however_it_is_cut_the_file_says_what_was_said(
    tmp_path_factory: pytest.TempPathFactory, messages: list[bytes], cuts: list[int], piece: int
) -> None:
    log = tmp_path_factory.mktemp("log") / "ctr.log"
    written = b"".join(k8s(message, number) for number, message in enumerate(messages))
    said, cursor, before = b"", "", engine_logs.PIECE
    engine_logs.PIECE = piece
    try:
        for cut in [*sorted(cuts), len(written)]:
            log.write_bytes(written[:cut])
            more, cursor = drain(log, cursor)
            said += more
    finally:
        engine_logs.PIECE = before
    assert said == b"".join(messages)


def test_frames_are_taken_apart() -> None:
    import io

    stream = io.BytesIO(b"\1\0\0\0\0\0\0\3abc\2\0\0\0\0\0\1\0" + b"x" * 256 + b"\1\0\0")
    assert list(frames(stream.read)) == [b"abc", b"x" * 256]


@settings(max_examples=100, deadline=None)
@given(
    times=st.lists(st.integers(0, 30_000), max_size=40),
    jitter=st.lists(st.integers(-400, 400), min_size=40, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=6),
    piece=st.integers(1, 60),
)
def test_through_the_api_nothing_is_lost_or_doubled_though_times_are_out_of_order(
    times: list[int], jitter: list[int], cuts: list[int], piece: int
) -> None:
    stamps = [max(0, time + jitter[number]) for number, time in enumerate(sorted(times))]
    messages = [
        (stamp / 1000, b"2026-11-21T02:20:%02d.%03dZ m%d;" % (stamp // 1000 % 60, stamp % 1000, number))
        for number, stamp in enumerate(stamps)
    ]
    start = 1795227600  # 2026-11-21T02:20:00Z
    assert engine_logs._nanoseconds(b"2026-11-21T02:20:00Z") == start * 10**9
    said, cursor, before = b"", "", engine_logs.API_PIECE
    engine_logs.API_PIECE = piece
    try:
        for cut in [*sorted(cuts), len(messages)]:

            def fetch(since: int, cut: int = cut) -> Generator[bytes, None, None]:
                yield from (message for time, message in messages[:cut] if time + start >= since)

            while (chunk := read_messages(fetch, Cursor.parse(cursor), 10**9, ended=False)).data:
                said, cursor = said + chunk.data, chunk.cursor
            cursor = chunk.cursor
    finally:
        engine_logs.API_PIECE = before
    assert said == b"".join(b"m%d;" % number for number in range(len(messages)))
