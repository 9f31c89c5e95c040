"""The first lines of a small table, as text in cells."""

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_READ_BYTES = 64 * 1024
_ROWS, _COLUMNS, _CELL = 8, 12, 60


@dataclass(frozen=True)
class Preview:
    """A table's header and first rows; `more_rows` and `more_columns` say whether there is more than is shown."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more_rows: bool
    more_columns: bool


def is_table(path: str) -> bool:
    """Say whether the file's name is that of a table."""
    return PurePosixPath(path).suffix.lower() in _SEPARATORS


def preview(file: Path, name: str) -> Preview | None:
    """The beginning of a table, or None when it cannot be read as one."""
    with file.open("rb") as stream:
        data = stream.read(_READ_BYTES + 1)
    whole = len(data) <= _READ_BYTES
    text = data[:_READ_BYTES].decode("utf-8-sig", "replace")
    if not whole:
        text = text.rpartition("\n")[0]
    try:
        lines = list(_rows(text, _SEPARATORS[PurePosixPath(name).suffix.lower()]))
    except csv.Error:
        return None
    if len(lines) < 2:
        return None
    width = max(len(line) for line in lines)
    shown = [tuple(_cell(cell) for cell in (line + [""] * width)[: min(width, _COLUMNS)]) for line in lines[: _ROWS + 1]]
    return Preview(shown[0], tuple(shown[1:]), len(lines) > _ROWS + 1 or not whole, width > _COLUMNS)


def _rows(text: str, separator: str) -> list[list[str]]:
    lines = (line for line in io.StringIO(text, newline="") if not line.startswith("#"))
    found = []
    for row in csv.reader(lines, delimiter=separator):
        if row:
            found.append(row)
        if len(found) > _ROWS + 1:
            break
    return found


def _cell(text: str) -> str:
    shown = "".join(character for character in text.strip() if unicodedata.category(character) not in ("Cc", "Cf", "Cs"))
    return shown if len(shown) <= _CELL else shown[: _CELL - 1] + "…"
