"""Texts with numbers: CSV, TSV, tables with blanks, reports. Lines are taken apart at separators into fields; a field that
is a number as a whole is compared by value, every other by its characters. How many blanks stand together does not count.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import BinaryIO

from tagstone.adapters.output_values.differences import Differences, Unreadable, shown

_SEPARATORS = re.compile(r"([\s,;|:=()\[\]{}<>\"'%±&]+)")
_NUMBER = re.compile(
    r"([+-]?\d{1,300})|[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[ed][+-]?\d{1,5})?|[+-]?(?:nan|inf|infinity)",
    re.IGNORECASE | re.ASCII,
)
_DATE = re.compile(rb"\b(?:19|20)\d\d[-/]\d\d[-/]\d\d\b|\b\d\d:\d\d:\d\d\b")
_LONGEST = 16 * 2**20


def compare(recorded: BinaryIO, found: BinaryIO, differences: Differences) -> None:
    """Compare two texts line by line, however long they are. Raises: Unreadable for what is no text."""
    header: list[str] = []
    order = [0, 0]
    apart = dated = False
    for row, (one, two) in enumerate(zip_longest(_lines(recorded), _lines(found)), 1):
        if row == 1 and one is not None:
            header = _header(one)
        if one is None or two is None:
            differences.structure(f"line {row}: {'more lines found' if one is None else 'fewer lines found'} than recorded")
            return
        if one != two:
            apart = True
            dated = dated or _DATE.search(one) is not None
            _compare_line(
                row, header, one.decode("utf-8", "backslashreplace"), two.decode("utf-8", "backslashreplace"), differences
            )
        # Sums do not depend on the order.
        order[0] += hash(one)
        order[1] += hash(two)
    if dated:
        differences.hint("there is a date or time in lines that differ")
    if apart and order[0] == order[1]:
        differences.hint("the same lines stand in another order")


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST + 1):
        if b"\0" in line:
            raise Unreadable("it is no text, it has NUL characters; `compare: numbers` reads texts in UTF-8")
        if len(line) > _LONGEST:
            raise Unreadable("it has a line of more than 16 MiB")
        yield line.rstrip(b"\r\n")


def _compare_line(row: int, header: list[str], recorded: str, found: str, differences: Differences) -> None:
    # Fields at even places, separators between them at odd ones.
    one, two = _SEPARATORS.split(recorded.strip()), _SEPARATORS.split(found.strip())
    if len(one) != len(two):
        differences.text(lambda: f"line {row}", recorded, found)
        return
    for place, (left, right) in enumerate(zip(one, two, strict=True)):
        if left == right:
            continue

        def where(column: int = place // 2) -> str:
            name = f" ({shown(header[column])})" if len(header) == len(one) // 2 + 1 else ""
            return f"line {row}, column {column + 1}{name}"

        if place % 2:
            if _plain(left) != _plain(right):
                differences.text(where, left, right)
        elif (recorded_number := _number(left)) is not None and (found_number := _number(right)) is not None:
            differences.numbers(where, recorded_number, found_number)
        else:
            differences.text(where, left, right)


def _plain(separator: str) -> str:
    return "".join(separator.split())


def _number(text: str) -> float | None:
    """The number that a text is as a whole, None when it is none; an integer keeps all its digits."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match[1]:
        return int(text)
    try:
        return float(text)
    except ValueError:  # Fortran's exponents
        return float(text.lower().replace("d", "e"))


def _header(line: bytes) -> list[str]:
    """The names of the columns, when no field of the first line is a number."""
    fields = _SEPARATORS.split(line.decode("utf-8", "backslashreplace").removeprefix("\ufeff").lstrip("# ").strip())[::2]
    return [] if any(_NUMBER.fullmatch(field) for field in fields) else fields
