"""Amounts as Kubernetes writes them: cores, bytes and counts, all as plain numbers."""

import math
import re

from tagstone.errors import Invalid

_UNITS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_QUANTITY = re.compile(r"([0-9]{1,30}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE]([+-]?[0-9]{1,2})|([numkMGTPE]|[KMGTPE]i|))")


def parse_quantity(text: str) -> float:
    """The number that a quantity such as `3920m`, `16Gi` or `1e3` stands for. Raises: Invalid."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise Invalid(f"{text[:40]!r} is no quantity of Kubernetes.", remedy="Write a number and a unit, such as 500m or 4Gi.")
    return float(match[1]) * (10.0 ** int(match[2]) if match[2] else _UNITS[match[3] or ""])


def write_cores(cores: float) -> str:
    """Cores in thousandths, rounded up, which is the finest that clusters hand out: 1.5 is `1500m`."""
    return f"{math.ceil(round(cores * 1000, 6))}m"
