"""FITS by value."""

import gzip
import io
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from tagstone.adapters.output_values.differences import Differences, Unreadable
from tagstone.adapters.output_values.fits_values import compare
from tagstone.domain.runs.comparison import Deviation


def compared(recorded: bytes, found: bytes, rtol: float = 0.0, atol: float = 0.0) -> Deviation:
    differences = Differences(rtol, atol)
    compare(io.BytesIO(recorded), io.BytesIO(found), differences)
    return differences.result()


def written(image: Any, *more: Any, **keywords: Any) -> bytes:
    primary = fits.PrimaryHDU(np.asarray(image))
    primary.header.update(keywords)
    out = io.BytesIO()
    fits.HDUList([primary, *more]).writeto(out, checksum=True)
    return out.getvalue()


def table(flux: list[float], names: list[str]) -> fits.BinTableHDU:
    columns = [fits.Column("flux", "D", array=np.array(flux)), fits.Column("name", "8A", array=np.array(names))]
    return fits.BinTableHDU.from_columns(columns)


IMAGE = np.arange(12.0).reshape(3, 4)


def test_when_it_was_written_and_its_checksums_do_not_count():
    assert compared(written(IMAGE, DATE="2026-01-01"), written(IMAGE, DATE="2026-01-02", HISTORY="again")).within


def test_keywords_are_values_too():
    found = compared(written(IMAGE, EXPTIME=1.0, OBJECT="M31"), written(IMAGE, EXPTIME=1.5, OBJECT="M33"))
    assert found.notes == (
        "unit 0, keyword 'EXPTIME': 1.0 recorded, 1.5 found",
        "unit 0, keyword 'OBJECT': 'M31' recorded, 'M33' found",
    )
    assert compared(written(IMAGE, EXPTIME=1.0), written(IMAGE, EXPTIME=1.0 + 1e-12), rtol=1e-9).within
    assert "recorded only" in compared(written(IMAGE, EXPTIME=1.0), written(IMAGE)).notes[0]


def test_the_worst_pixel_is_named_as_fits_counts():
    other = IMAGE.copy()
    other[1, 2] += 0.5
    found = compared(written(IMAGE), written(other))
    assert (found.beyond, found.largest) == (1, 0.5)
    assert found.notes == ("unit 0, pixel (3, 2): 6.0 recorded, 6.5 found",)
    assert compared(written(IMAGE), written(other), atol=0.5).within


def test_nan_equals_nan_and_nothing_else():
    holes, others = IMAGE.copy(), IMAGE.copy()
    holes[0, 0], others[0, 0] = np.nan, np.inf
    assert compared(written(holes), written(holes), rtol=0.1).within
    assert not compared(written(holes), written(others), rtol=0.1).within
    assert not compared(written(holes), written(IMAGE), rtol=0.1).within


def test_large_integers_keep_all_their_digits():
    assert not compared(written(np.array([2**62])), written(np.array([2**62 + 1]))).within


def test_tables_are_compared_column_by_column():
    one, two = table([1.0, 2.0], ["a", "b"]), table([1.0, 2.5], ["a", "c"])
    found = compared(written(IMAGE, one), written(IMAGE, two))
    assert found.notes == (
        "unit 1, column 'flux', row 2: 2.0 recorded, 2.5 found",
        "unit 1, column 'name', row 2: 'b' recorded, 'c' found",
    )
    assert not compared(written(IMAGE, one), written(IMAGE, table([1.0], ["a"]))).within


def test_compressed_images_are_compared_by_their_pixels():
    def packed(tile: tuple[int, int]) -> bytes:
        image = np.arange(10_000, dtype=np.int32).reshape(100, 100)
        return written(IMAGE, fits.CompImageHDU(image, tile_shape=tile))

    assert packed((1, 100)) != packed((10, 100))
    assert compared(packed((1, 100)), packed((1, 100))).within


def test_what_gzip_packed_is_unpacked():
    first, second = (gzip.compress(written(IMAGE), mtime=time) for time in (1, 2))
    assert first != second
    assert compared(first, second).within


def test_other_shapes_and_numbers_of_units_differ():
    assert not compared(written(IMAGE), written(IMAGE.T)).within
    assert not compared(written(IMAGE), written(IMAGE, table([1.0], ["a"]))).within


@pytest.mark.parametrize("data", [b"", b"nonsense" * 1000, b"SIMPLE  =", b"\x1f\x8bno gzip"])
def test_what_is_no_fits_is_said_so(data):
    with pytest.raises(Unreadable, match="no FITS"):
        compared(data, data)
