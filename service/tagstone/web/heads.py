"""The first lines of outputs: of tables as cells, of texts and FITS headers as text. Little is read, nothing is interpreted."""

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tagstone.web import log_text

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_TEXT_NAMES = ".txt .md .markdown .rst .log .json .jsonl .geojson .yml .yaml .toml .ini .cfg .dat .out .err .tex .bib .xml .py .r .sh .sql"
_TEXTS = frozenset(_TEXT_NAMES.split())
_FITS = frozenset((".fits", ".fit", ".fts"))
_READ_BYTES = 64 * 1024
_ROWS, _COLUMNS, _CELL = 8, 12, 60
_LINES, _LINE, _TEXT_BYTES = 30, 160, 8 * 1024
_CARD, _CARDS, _HEADER = 80, 60, 2880


@dataclass(frozen=True)
class Preview:
    """A table's header and first rows; `more_rows` and `more_columns` say whether there is more than is shown."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more_rows: bool
    more_columns: bool


@dataclass(frozen=True)
class TextHead:
    """The first lines of a text; `more` says whether there are others."""

    text: str
    more: bool


def is_table(path: str) -> bool:
    """Say whether the file's name is that of a table."""
    return _suffix(path) in _SEPARATORS


def is_text(path: str) -> bool:
    """Say whether the file's name is that of a text, or of a FITS file, whose header is one."""
    return _suffix(path) in _TEXTS | _FITS


def preview(file: Path, name: str) -> Preview | None:
    """The beginning of a table, or None when it cannot be read as one."""
    data, whole = _read(file, _READ_BYTES)
    text = data.decode("utf-8-sig", "replace")
    if not whole:
        text = text.rpartition("\n")[0]
    try:
        lines = list(_rows(text, _SEPARATORS[_suffix(name)]))
    except csv.Error:
        return None
    if len(lines) < 2:
        return None
    width = max(len(line) for line in lines)
    shown = [tuple(_cell(cell) for cell in (line + [""] * width)[: min(width, _COLUMNS)]) for line in lines[: _ROWS + 1]]
    return Preview(shown[0], tuple(shown[1:]), len(lines) > _ROWS + 1 or not whole, width > _COLUMNS)


def text_head(file: Path, name: str) -> TextHead | None:
    """The first lines of a text, or None when it is empty or none at all."""
    if _suffix(name) in _FITS:
        return _fits_head(file)
    data, whole = _read(file, _TEXT_BYTES)
    if not data.strip() or b"\0" in data:
        return None
    lines = log_text.clean(data, from_start=True).split("\n")
    shown = "\n".join(line if len(line) <= _LINE else line[: _LINE - 1] + "…" for line in lines[:_LINES])
    return TextHead(shown, not whole or len(lines) > _LINES)


def _fits_head(file: Path) -> TextHead | None:
    """The cards of the first header (FITS standard 4.0, section 3.3: 80 ASCII characters each, in blocks of 2880 bytes)."""
    data, _ = _read(file, _HEADER * 4)
    if not data.startswith(b"SIMPLE  ="):
        return None
    cards = []
    for start in range(0, len(data) - _CARD + 1, _CARD):
        card = data[start : start + _CARD].decode("ascii", "replace").rstrip()
        if card == "END":
            break
        cards.append("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in card))
    return TextHead("\n".join(cards[:_CARDS]), len(cards) > _CARDS)


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _read(file: Path, most: int) -> tuple[bytes, bool]:
    with file.open("rb") as stream:
        data = stream.read(most + 1)
    return data[:most], len(data) <= most


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
