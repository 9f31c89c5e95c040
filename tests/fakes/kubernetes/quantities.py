"""Quantities as the API reads and writes them: `1000m` comes back as `1`, `0.5` as `500m`, `1024Mi` as `1Gi` [src: resource.Quantity]."""

import re
from decimal import Decimal

from fakes.kubernetes.calls import Refused

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")


def amount(written: str | float) -> Decimal:
    """The number that a quantity is."""
    found = _WRITTEN.fullmatch(str(written))
    if found is None:
        raise Refused(
            400, f"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$': {written}"
        )
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _BINARY:
        return number * _BINARY[suffix]
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


def canonical(written: str | float) -> str:
    """The quantity as it is read back."""
    number = amount(written)
    if str(written)[-1:] == "i" and abs(number) >= _BINARY["Ki"] and number == int(number):
        for suffix, size in reversed(_BINARY.items()):
            if number % size == 0:
                return f"{int(number // size)}{suffix}"
        return str(int(number))
    for suffix, exponent in reversed(_DECIMAL.items()):
        mantissa = number.scaleb(-exponent)
        if mantissa == int(mantissa) and number:
            return f"{int(mantissa)}{suffix}"
    return "0"
