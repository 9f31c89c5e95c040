"""The child that reads strangers' files: whatever it meets, it ends with one answer."""

import gzip
import io
import struct
import zlib
from pathlib import Path

import pytest
from astropy.io import fits
from PIL import Image

from tagstone.adapters.output_values.comparer import ProcessComparer
from tagstone.domain.manifests.sections import Output


def png_bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is a large picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(bytes(2**20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)) + chunk(b"IDAT", pixels)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("L", (4, 4)).save(out, "PNG")
    return out.getvalue()


def table() -> bytes:
    out = io.BytesIO()
    fits.PrimaryHDU().writeto(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "data"),
    [("numbers", b"1\n"), ("json", b"{}"), ("pixels", picture()), ("fits", table()), ("fits", gzip.compress(table()))],
)
def test_every_kind_is_read_within_the_limits(through_child, kind, data):
    found = through_child(kind, data, data)
    assert found.within, found


def test_a_tolerance_reaches_the_child(through_child):
    assert through_child("numbers", b"1.0\n", b"1.5\n", rtol=0.5).within
    assert through_child("numbers", b"0\n", b"1\n").relative == float("inf")


@pytest.mark.parametrize("size", [(100_000, 100_000), (20_000, 12_000)])
def test_a_picture_that_unpacks_to_gigabytes_is_not_compared(through_child, size):
    assert through_child("pixels", png_bomb(*size), png_bomb(*size)).problem
    assert not through_child("pixels", png_bomb(*size), picture()).within


def test_a_file_that_needs_too_much_memory_is_not_compared(through_child):
    found = through_child("json", b"[" + b"[]," * 3_000_000 + b"0]", b"[]", memory=300 * 2**20)
    assert "memory" in found.problem


def test_work_without_end_is_ended(through_child):
    rows = b"".join(b"%d,%d\n" % (number, number) for number in range(200_000))
    assert "processor time" in through_child("numbers", rows * 6, rows.replace(b"7", b"8") * 6, seconds=1).problem


def test_a_file_of_the_machine_is_read_in_place_from_its_start(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"1\n2\n")
    rule = Output(path="*", compare="numbers")
    with path.open("rb") as one, path.open("rb") as two:
        one.read()
        assert ProcessComparer(tmp_path / "no such folder").compare(one, two, rule).within


def test_a_kind_that_no_child_knows_is_a_problem(through_child):
    assert "no way to compare by bytes" in through_child("bytes", b"1", b"2").problem
