"""Logs as text: the end of one for a page, without what moves a terminal's cursor."""

import re
from pathlib import Path

from tagstone.edges.log_bytes import chunk
from tagstone.ports import Storage
from tagstone.store.tables import Log

TAIL_BYTES = 24 * 1024
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(data: bytes, *, from_start: bool) -> str:
    """Log bytes as plain text: of a line that overwrote itself only the last state, of a cut first line nothing."""
    text = data.decode("utf-8", "replace")
    if not from_start:
        text = text.partition("\n")[2] or text
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", "\n".join(lines)).rstrip("\n")


def tail(storage: Storage, log: Log) -> str:
    """The last lines of a log in chunks."""
    parts, size, number = [], 0, log.last
    while number > 0 and size < TAIL_BYTES:
        parts.append(chunk(storage, log, number))
        size += len(parts[-1])
        number -= 1
    data = b"".join(reversed(parts))
    return clean(data[-TAIL_BYTES:], from_start=number == 0 and size <= TAIL_BYTES)


def tail_of_file(file: Path) -> str:
    """The last lines of a log in one file."""
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - TAIL_BYTES))
        return clean(stream.read(TAIL_BYTES), from_start=size <= TAIL_BYTES)
