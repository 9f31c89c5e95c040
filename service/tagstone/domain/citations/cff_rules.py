"""The Citation File Format 1.2.0 as rules: https://github.com/citation-file-format/citation-file-format (schema.json).

A rule looks at one value and notes what is wrong with it; a mapping's rules are a table of keys.
"""

import json
import re
from collections.abc import Callable
from datetime import date

from tagstone.domain.citations.licences import Standing, meant, standing
from tagstone.domain.reading.faults import Fault
from tagstone.domain.reading.nearest import nearest_key
from tagstone.domain.reading.yaml_text import Document, Path


class Judge:
    """Collects the faults of one document."""

    def __init__(self, document: Document, file: str) -> None:
        self.document = document
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, path: Path, message: str, remedy: str, *, warning: bool = False) -> None:
        """Note a fault at the line of a value; its key stands before the message."""
        name = ".".join(str(part)[:60] for part in path)
        self.faults.append(Fault(self.file, f"`{name}` {message}", remedy, self.document.line(path), warning))


Rule = Callable[[object, Path, Judge], None]


def text(value: object, path: Path, judge: Judge) -> None:
    """A text that is not empty."""
    if isinstance(value, str) and value:
        return
    if value is None or value == "":
        judge.fault(path, "is empty.", "Fill it in or remove the line.")
    elif isinstance(value, dict | tuple):
        judge.fault(path, "must be a text.", "Write one text; put it in quotes if it has colons or brackets.")
    else:
        judge.fault(path, "must be a text.", f'Put it in quotes: "{judge.document.text(path)[:60]}".')


def number_or_text(value: object, path: Path, judge: Judge) -> None:
    """A number, or a text that is not empty."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        text(value, path, judge)


def integer_or_text(value: object, path: Path, judge: Judge) -> None:
    """A whole number, or a text that is not empty."""
    if isinstance(value, float) and value == int(value):
        return
    if isinstance(value, bool) or not isinstance(value, int):
        text(value, path, judge)


def written_as(pattern: str, what: str, remedy: str) -> Rule:
    """A text of a form."""
    form = re.compile(pattern)

    def rule(value: object, path: Path, judge: Judge) -> None:
        if not isinstance(value, str) or not value:
            text(value, path, judge)
        elif not form.fullmatch(value):
            judge.fault(path, f"is not {what}: {value[:80]!r}.", remedy)

    return rule


def one_of(words: str) -> Rule:
    """One of some words."""
    known = words.split()

    def rule(value: object, path: Path, judge: Judge) -> None:
        if not isinstance(value, str) or value not in known:
            judge.fault(path, f"is unknown: {str(value)[:60]!r}.", nearest_key(str(value), known).replace("keys", "words"))

    return rule


def items(rule: Rule) -> Rule:
    """A list with at least one item, each there once."""

    def whole(value: object, path: Path, judge: Judge) -> None:
        if not isinstance(value, tuple):
            judge.fault(path, "must be a list.", "Write each item in a line of its own, with a hyphen before it.")
            return
        if not value:
            judge.fault(path, "is an empty list.", "Fill it in or remove the line.")
        seen: set[str] = set()
        for number, item in enumerate(value):
            canonical = json.dumps(item, sort_keys=True)
            if canonical in seen:
                judge.fault((*path, number), "is there twice.", "Keep one.")
            seen.add(canonical)
            rule(item, (*path, number), judge)

    return whole


def mapping(table: dict[str, Rule], required: tuple[str, ...] = ()) -> Rule:
    """A mapping of known keys."""

    def whole(value: object, path: Path, judge: Judge) -> None:
        if not isinstance(value, dict):
            judge.fault(path, "must be a mapping.", "Write `key: value` lines below it, indented.")
            return
        for key, item in value.items():
            if key in table:
                table[key](item, (*path, key), judge)
            else:
                judge.fault((*path, key), "is no key of CFF 1.2.0 here.", nearest_key(key, table))
        for key in required:
            if key not in value:
                judge.fault((*path, key), "is missing.", f"Add `{key}`.")

    return whole


def day(value: object, path: Path, judge: Judge) -> None:
    """A day of the calendar, as 2026-01-31."""
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            date.fromisoformat(value)
            return
    except ValueError:
        judge.fault(path, f"is no day of the calendar: {value}.", "Write year, month and day, such as 2026-01-31.")
        return
    judge.fault(path, f"is not a date: {str(value)[:40]!r}.", "Write year, month and day, such as 2026-01-31.")


def orcid(value: object, path: Path, judge: Judge) -> None:
    """An ORCID as an address, with its check digit right (ISO 7064 11,2)."""
    found = (
        re.fullmatch(r"https://orcid\.org/([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X])", value)
        if isinstance(value, str)
        else None
    )
    if not found:
        judge.fault(path, f"is not an ORCID: {str(value)[:60]!r}.", "Write it as https://orcid.org/0000-0002-1825-0097.")
        return
    if not checksum_holds(found[1]):
        judge.fault(
            path, f"has a wrong check digit: {found[1]}.", "Look it up at the person's ORCID page; a digit is mistyped."
        )


def checksum_holds(number: str) -> bool:
    """Whether an ORCID's last character fits the others."""
    digits = number.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    return digits[-1] == "0123456789X"[(12 - total % 11) % 11]


def licence(value: object, path: Path, judge: Judge) -> None:
    """One SPDX id, or a list of them (any of which may be chosen)."""
    if isinstance(value, tuple):
        items(_licence)(value, path, judge)
    else:
        _licence(value, path, judge)


def _licence(value: object, path: Path, judge: Judge) -> None:
    if not isinstance(value, str) or not value:
        text(value, path, judge)
        return
    known = standing(value)
    if known is Standing.NEWER:
        message = f"is newer than CFF 1.2.0's list of licences: {value}."
        judge.fault(path, message, "It is taken here; strict tools may refuse the file.", warning=True)
    elif known is Standing.UNKNOWN:
        near = meant(value)
        remedy = f"Did you mean {near}?" if near else "Take the id from https://spdx.org/licenses, or give `license-url`."
        if re.search(r"\s(?:OR|AND|WITH)\s", value):
            remedy = "Write the ids as a list: license: [MIT, Apache-2.0]."
        judge.fault(path, f"is no SPDX licence id: {value[:60]!r}.", remedy)
