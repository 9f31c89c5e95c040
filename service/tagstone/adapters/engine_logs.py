"""A container's log, piece by piece: from the file that the engine writes when this user may read it, else through the API.

A cursor says where the reader stands and how much was kept and left out, so that nothing is lost or told twice over
restarts, and nothing is read again from its beginning. Both streams come in the order in which the engine got them.
"""

import json
import zlib
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tagstone.domain.runs.run import LogChunk
from tagstone.errors import Invalid

PIECE = 2**20
"""Bytes that are read at once; no engine writes a line as long as that."""

API_PIECE = 8 * PIECE
"""Bytes that are asked of the API at once: it looks for where we stand from the log's beginning every time."""

_BLOCK = 2**18
_SECOND = 10**9


@dataclass(frozen=True)
class Cursor:
    """Where a reader stands: a file (by the checksum of its first line) and an offset, or a second and messages since then."""

    kind: str = "-"
    place: int = 0
    offset: int = 0
    latest: int = 0
    kept: int = 0
    left_out: int = 0
    gaps: int = 0
    told: int = 0

    @staticmethod
    def parse(text: str) -> "Cursor":
        """A cursor as `str` wrote it; empty: the start. Raises: Invalid."""
        if not text:
            return Cursor()
        kind, *numbers = text.split(":")
        if kind not in ("-", "file", "api") or len(numbers) != 7 or not all(number.isdecimal() for number in numbers):
            raise Invalid(f"{text[:100]!r} is no place in a log.", remedy="Start from the beginning, with an empty cursor.")
        return Cursor(kind, *map(int, numbers))

    def __str__(self) -> str:
        numbers = (self.place, self.offset, self.latest, self.kept, self.left_out, self.gaps, self.told)
        return ":".join((self.kind, *map(str, numbers)))

    def take(self, data: bytes, limit: int) -> tuple[bytes, "Cursor"]:
        """The part of `data` that may be kept when `limit` bytes are in all, and the cursor that counted it."""
        kept = data[: max(0, limit - self.kept)]
        return kept, replace(self, kept=self.kept + len(kept), left_out=self.left_out + len(data) - len(kept))


def read_file(path: Path, cursor: Cursor, limit: int, *, ended: bool) -> LogChunk:
    """The next piece of the engine's log file; of the whole log `limit` bytes are kept, the rest is counted.

    Raises:
        OSError: the file cannot be read.
    """
    while True:
        data, cursor, more = _read_on(path, cursor, limit)
        if data:
            return LogChunk(data, str(cursor))
        if not more:
            return _end(cursor, ended=ended)


def read_messages(fetch: Callable[[int], Generator[bytes, None, None]], cursor: Cursor, limit: int, *, ended: bool) -> LogChunk:
    """The next piece through the API: `fetch(second)` gives `TIME MESSAGE` for all that was said since then, in order."""
    # The next call asks from a second before the newest message on: two streams may come a little out of order.
    after = max(cursor.place, cursor.latest // _SECOND - 1)
    skip, seen, behind, size, pieces = cursor.offset, 0, 0, 0, []
    with closing(fetch(cursor.place)) as messages:
        for message in messages:
            stamp, _, text = message.partition(b" ")
            time = _nanoseconds(stamp)
            seen += 1
            behind += time >= after * _SECOND
            if seen <= skip:
                continue
            kept, cursor = cursor.take(text, limit)
            cursor = replace(cursor, latest=max(cursor.latest, time))
            pieces.append(kept)
            size += len(kept)
            if size >= API_PIECE:
                break
    gap = int(seen < skip)
    cursor = replace(cursor, kind="api", place=after, offset=behind, gaps=cursor.gaps + gap)
    return LogChunk(b"".join(pieces), str(cursor)) if size else _end(cursor, ended=ended)


def frames(read: Callable[[int], bytes]) -> Generator[bytes, None, None]:
    """The messages of a log in Docker's stream format: 8 bytes of header, the last four of them the length."""
    rest = b""
    # Large reads: each message is a chunk of the answer, and reading them one by one takes ten times as long.
    while block := read(_BLOCK):
        rest, start = rest + block, 0
        while (end := start + 8 + int.from_bytes(rest[start + 4 : start + 8], "big")) <= len(rest) and start + 8 <= len(rest):
            yield rest[start + 8 : end]
            start = end
        rest = rest[start:]


def _read_on(path: Path, cursor: Cursor, limit: int) -> tuple[bytes, Cursor, bool]:
    """What is kept of the next lines, the cursor behind them, and whether there may be more at once."""
    with ExitStack() as stack:
        files = _open_files(path, stack)
        names = list(files)
        if not names:
            return b"", cursor, False
        if cursor.place not in files:
            # It stood nowhere yet, or the engine has thrown away where it stood.
            cursor = replace(cursor, kind="file", place=names[0], offset=0, gaps=cursor.gaps + (cursor.place != 0))
        data, cursor = _read_lines(files[cursor.place], cursor, limit)
    if not data and cursor.place != names[-1]:
        return b"", replace(cursor, place=names[-1], offset=0), True
    return data, cursor, bool(data)


def _open_files(path: Path, stack: ExitStack) -> dict[int, BinaryIO]:
    """The engine's files by the checksum of their first line, oldest first; one without a whole line is left out."""
    found: list[tuple[int, BinaryIO]] = []
    # Newest first: what is renamed meanwhile is then found twice, not missed.
    for candidate in (path, path.with_name(f"{path.name}.1")):
        with suppress(FileNotFoundError):
            file = stack.enter_context(candidate.open("rb"))
            line = file.readline(PIECE)
            if line.endswith(b"\n"):
                found.append((zlib.crc32(line) or 1, file))
    return dict(reversed(found))


def _read_lines(file: BinaryIO, cursor: Cursor, limit: int) -> tuple[bytes, Cursor]:
    """The next lines of which something is kept; those that are left out are only counted."""
    while True:
        file.seek(cursor.offset)
        block = file.read(PIECE)
        whole = block[: block.rfind(b"\n") + 1]
        if not whole:
            return b"", cursor
        data = _said(whole[:-1].split(b"\n"))
        kept, cursor = replace(cursor, offset=cursor.offset + len(whole)).take(data, limit)
        if kept:
            return kept, cursor


def _said(lines: list[bytes]) -> bytes:
    """What lines of an engine's file say: Docker's `json-file`, or `k8s-file` (`TIME STREAM P|F TEXT`)."""
    if lines[0].startswith(b"{"):
        with suppress(ValueError, KeyError, TypeError):
            # One call for all is ten times faster than one each.
            messages = json.loads(b"[" + b",".join(lines) + b"]")
            return "".join(message["log"] for message in messages).encode("utf-8", "replace")
    return b"".join(_text(line) for line in lines)


def _text(line: bytes) -> bytes:
    parts = line.split(b" ", 3)
    if len(parts) == 4 and parts[1] in (b"stdout", b"stderr"):
        return parts[3] if parts[2] == b"P" else parts[3] + b"\n"
    return line + b"\n"


def _end(cursor: Cursor, *, ended: bool) -> LogChunk:
    """Nothing new; once, when the run has ended, how much was left out."""
    if not ended or cursor.told or not (cursor.left_out or cursor.gaps):
        return LogChunk(b"", str(cursor))
    number = f"at least {cursor.left_out}" if cursor.gaps else str(cursor.left_out)
    text = f"\n[Tagstone kept {cursor.kept} bytes of this log; {number} more were left out.]\n"
    return LogChunk(text.encode(), str(replace(cursor, told=1)))


def _nanoseconds(stamp: bytes) -> int:
    """A time such as `2026-11-21T02:20:10.738627842Z` in nanoseconds since the epoch; 0 for what is none."""
    try:
        whole, _, fraction = stamp.decode("ascii").removesuffix("Z").partition(".")
        seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
        return seconds * _SECOND + int(fraction.ljust(9, "0")[:9] or 0)
    except ValueError:
        return 0
