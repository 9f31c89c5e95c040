"""JSON by value: keys in any order, numbers within the tolerance, all else equal."""

import json
from typing import Any, BinaryIO

from tagstone.adapters.output_values.differences import Differences, Unreadable

_DEEPEST = 500


def compare(recorded: BinaryIO, found: BinaryIO, differences: Differences) -> None:
    """Compare two JSON texts; places are JSON pointers (RFC 6901). Raises: Unreadable."""
    _compare(_read(recorded, "recorded"), _read(found, "found"), "", differences, 0)


def _read(stream: BinaryIO, which: str) -> Any:
    try:
        return json.load(stream)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"what was {which} is no JSON that can be read ({type(error).__name__})") from None


def _compare(recorded: Any, found: Any, pointer: str, differences: Differences, depth: int) -> None:
    if depth > _DEEPEST:
        raise Unreadable(f"its values are nested more than {_DEEPEST} deep")
    if isinstance(recorded, dict) and isinstance(found, dict):
        for key in sorted(recorded.keys() | found.keys()):
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in recorded and key in found:
                _compare(recorded[key], found[key], below, differences, depth + 1)
            else:
                differences.structure(f"{_place(below)}: {'recorded only' if key in recorded else 'found only'}")
    elif isinstance(recorded, list) and isinstance(found, list):
        if len(recorded) != len(found):
            differences.structure(f"{_place(pointer)}: {len(recorded)} items recorded, {len(found)} found")
        for number, (one, two) in enumerate(zip(recorded, found, strict=False)):
            _compare(one, two, f"{pointer}/{number}", differences, depth + 1)
    elif _is_number(recorded) and _is_number(found):
        differences.numbers(lambda: _place(pointer), recorded, found)
    else:
        differences.text(lambda: _place(pointer), _said(recorded), _said(found))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    return json.dumps(value, ensure_ascii=False)


def _place(pointer: str) -> str:
    return ascii(pointer if len(pointer) <= 200 else "…" + pointer[-199:]) if pointer else "the whole"
