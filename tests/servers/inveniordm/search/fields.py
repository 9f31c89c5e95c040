"""Values of documents by the path of their field, and how they compare."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_WORD = re.compile(r"\w+")
_NOW = re.compile(r"now(?:([+-]\d+)([smhdw]))?(?:/[smhdwMy])?")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def values(source: Any, path: str) -> list[Any]:
    """All leaves at a dotted path; what has none under a last part (`title.keyword`) is looked for without it."""
    parts = path.split(".")
    found = list(_walk(source, parts))
    if not found and len(parts) > 1:
        found = [value for value in _walk(source, parts[:-1]) if not isinstance(value, dict)]
    return found


def leaves(source: Any) -> Iterator[str]:
    """Every value of a document as text."""
    if isinstance(source, dict):
        for value in source.values():
            yield from leaves(value)
    elif isinstance(source, list):
        for value in source:
            yield from leaves(value)
    elif source is not None:
        yield str(source)


def same(left: Any, right: Any) -> bool:
    """Equality as a query means it: numbers, booleans and their texts are the same."""
    if isinstance(left, bool) or isinstance(right, bool):
        return str(left).lower() == str(right).lower()
    return bool(left == right) or str(left) == str(right)


def words(text: object) -> list[str]:
    """The words of a text, as an analyser cuts them."""
    return _WORD.findall(str(text).lower())


def holds_words(text: object, candidates: list[Any], *, every: bool) -> bool:
    """Say whether the candidates have the words of a text: every one of them, or any."""
    there = {word for candidate in candidates for word in words(candidate)}
    wanted = [word in there for word in words(text)]
    return bool(wanted) and (all(wanted) if every else any(wanted))


def holds_phrase(text: object, candidates: list[Any]) -> bool:
    """Say whether one candidate has the words of a text one after the other."""
    wanted = words(text)
    return bool(wanted) and any(_follow(wanted, words(candidate)) for candidate in candidates)


def order(value: Any) -> tuple[int, float, str]:
    """A key to sort and compare by: numbers and times as such, all else as text."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    moment = _moment(str(value))
    return (0, moment.timestamp(), "") if moment else (1, 0.0, str(value))


def _walk(source: Any, parts: list[str]) -> Iterator[Any]:
    if isinstance(source, list):
        for value in source:
            yield from _walk(value, parts)
    elif not parts:
        if source is not None:
            yield source
    elif isinstance(source, dict):
        for count in range(len(parts), 0, -1):  # a key may have dots itself
            key = ".".join(parts[:count])
            if key in source:
                yield from _walk(source[key], parts[count:])


def _follow(wanted: list[str], there: list[str]) -> bool:
    return any(there[start : start + len(wanted)] == wanted for start in range(len(there) - len(wanted) + 1))


def _moment(text: str) -> datetime | None:
    relative = _NOW.fullmatch(text)
    if relative:
        count, unit = relative.groups()
        return datetime.now(UTC) + timedelta(seconds=int(count) * _UNITS[unit] if count else 0)
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
