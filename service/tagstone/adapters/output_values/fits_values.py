"""FITS by value: headers, images and tables of every unit, but not when and by which program they were written."""

import gzip
import io
import zlib
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from tagstone.adapters.output_values.differences import Differences, Unreadable

IGNORED = ("DATE", "CHECKSUM", "DATASUM", "HISTORY")
"""Keywords that say when and how a file was written, not what is in it. HISTORY is where programs put their dates."""


def compare(recorded: BinaryIO, found: BinaryIO, differences: Differences) -> None:
    """Compare two FITS files unit by unit. Raises: Unreadable."""
    with _open(recorded, "recorded") as one, _open(found, "found") as two:
        if len(one) != len(two):
            differences.structure(f"{len(one)} units recorded, {len(two)} found")
            return
        for number, (left, right) in enumerate(zip(one, two, strict=True)):
            _compare_headers(f"unit {number}", left.header, right.header, differences)
            _compare_data(f"unit {number}", left.data, right.data, differences)


def warm_up() -> None:
    """Load all that reading FITS needs."""
    sample = io.BytesIO()
    units = [fits.PrimaryHDU(), fits.CompImageHDU(np.ones((2, 2))), fits.BinTableHDU(np.ones(1, dtype=[("x", "f8")]))]
    fits.HDUList(units).writeto(sample)
    packed = gzip.compress(sample.getvalue())
    compare(io.BytesIO(packed), io.BytesIO(packed), Differences(0.0, 0.0))


def _open(stream: BinaryIO, which: str) -> fits.HDUList:
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    plain = gzip.GzipFile(fileobj=stream) if packed else stream
    try:
        units = fits.open(plain, mode="readonly", memmap=False, lazy_load_hdus=False)
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
        raise Unreadable(f"what was {which} is no FITS file that can be read ({type(error).__name__})") from None
    return units


def _compare_headers(place: str, recorded: Any, found: Any, differences: Differences) -> None:
    found_apart = fits.HeaderDiff(recorded, found, ignore_keywords=list(IGNORED), ignore_comments=["*"])
    for side, keywords in zip(("recorded", "found"), found_apart.diff_keywords or ((), ()), strict=True):
        for keyword in keywords:
            differences.structure(f"{place}, keyword {keyword!a}: {side} only")
    for keyword, counts in found_apart.diff_duplicate_keywords.items():
        differences.structure(f"{place}, keyword {keyword!a}: {counts[0]} times recorded, {counts[1]} times found")
    for keyword, pairs in found_apart.diff_keyword_values.items():
        for one, two in (pair for pair in pairs if pair is not None):
            _compare_keyword(f"{place}, keyword {keyword!a}", one, two, differences)


def _compare_keyword(place: str, recorded: Any, found: Any, differences: Differences) -> None:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in (recorded, found)):
        differences.numbers(lambda: place, recorded, found)
    else:
        differences.text(lambda: place, str(recorded), str(found))


def _compare_data(place: str, recorded: Any, found: Any, differences: Differences) -> None:
    if recorded is None or found is None:
        if (recorded is None) != (found is None):
            differences.structure(f"{place}: only one of the two has data")
    elif recorded.dtype.names and found.dtype.names:
        _compare_table(place, recorded, found, differences)
    else:
        _compare_values(place, recorded, found, differences)


def _compare_table(place: str, recorded: Any, found: Any, differences: Differences) -> None:
    if recorded.dtype.names != found.dtype.names or len(recorded) != len(found):
        differences.structure(f"{place}: {_shape(recorded)} recorded, {_shape(found)} found")
        return
    for name in recorded.dtype.names:
        one, two = recorded[name], found[name]
        column = f"{place}, column {name!a}"
        if object in (one.dtype, two.dtype):  # arrays of differing lengths
            for row, (left, right) in enumerate(zip(one, two, strict=True)):
                _compare_values(f"{column}, row {row + 1}", np.asarray(left), np.asarray(right), differences)
        else:
            _compare_values(column, np.asarray(one), np.asarray(two), differences)


def _compare_values(place: str, recorded: Any, found: Any, differences: Differences) -> None:
    if recorded.shape != found.shape:
        differences.structure(f"{place}: shape {recorded.shape} recorded, {found.shape} found")
    elif recorded.dtype.kind in "iufb" and found.dtype.kind in "iufb":
        differences.arrays(lambda at: f"{place}, {_index(at)}", recorded, found)
    elif recorded.dtype.kind == found.dtype.kind == "c":
        for part in ("real", "imag"):
            _compare_values(f"{place}, {part} part", getattr(recorded, part), getattr(found, part), differences)
    else:
        for at in np.argwhere(recorded != found):
            _compare_item(place, tuple(int(part) for part in at), recorded, found, differences)


def _compare_item(place: str, at: tuple[int, ...], recorded: Any, found: Any, differences: Differences) -> None:
    differences.text(lambda: f"{place}, {_index(at)}", str(recorded[at]), str(found[at]))


def _index(at: tuple[int, ...]) -> str:
    """Counted from 1 and with the fastest axis first, as FITS does."""
    return f"row {at[0] + 1}" if len(at) == 1 else "pixel (" + ", ".join(str(part + 1) for part in reversed(at)) + ")"


def _shape(table: Any) -> str:
    return f"{len(table)} rows of {len(table.dtype.names)} columns"
