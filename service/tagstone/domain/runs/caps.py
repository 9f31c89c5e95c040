"""The most hardware that a project may ask for, as a curator grants it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tagstone.domain.runs.hardware import format_bytes, format_seconds, parse_bytes, parse_seconds
from tagstone.errors import Invalid

_MOST = 1_000_000


@dataclass(frozen=True)
class Caps:
    """Cores, bytes, bytes, seconds, GPUs; None where nothing is said, so that the site's own limit counts."""

    cpu: float | None = None
    memory: int | None = None
    disk: int | None = None
    time: int | None = None
    gpu: int | None = None

    def __str__(self) -> str:
        shown: dict[str, Callable[[Any], str]] = {
            "cpu": "{:g} cores".format,
            "memory": lambda value: f"{format_bytes(value)} of memory",
            "disk": lambda value: f"{format_bytes(value)} of disk",
            "time": format_seconds,
            "gpu": "{} GPUs".format,
        }
        said = [shown[name](value) for name, value in asdict(self).items() if value is not None]
        return f"at most {', '.join(said)}" if said else "no caps"


def parse(written: Mapping[str, str | None]) -> Caps:
    """Caps as people write them: `cpu` and `gpu` as numbers, `memory` and `disk` such as 4Gi, `time` such as 2h. Raises: Invalid."""
    readers: dict[str, Callable[[str], Any]] = {
        "cpu": _cores, "memory": parse_bytes, "disk": parse_bytes, "time": parse_seconds, "gpu": _number
    }  # fmt: skip
    return Caps(**{name: readers[name](text.strip()) for name, text in written.items() if text and text.strip()})


def load(text: str) -> Caps:
    """Caps as a registration keeps them, a JSON object."""
    return Caps(**json.loads(text))


def dump(caps: Caps) -> str:
    """Caps as a registration keeps them."""
    return json.dumps({name: value for name, value in asdict(caps).items() if value is not None})


def _cores(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _MOST:
        raise Invalid(f"{text[:40]!r} is no number of cores.", remedy="Write a number, such as 4 or 0.5.")
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:9]) <= _MOST and len(text) < 9):
        raise Invalid(f"{text[:40]!r} is no number of GPUs.", remedy="Write a whole number, such as 0 or 1.")
    return int(text)
