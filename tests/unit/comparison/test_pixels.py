"""Pictures by their pixels."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tagstone.adapters.output_values.differences import Differences, Unreadable
from tagstone.adapters.output_values.pixels import compare
from tagstone.domain.runs.comparison import Deviation


def compared(recorded: bytes, found: bytes, rtol: float = 0.0, atol: float = 0.0) -> Deviation:
    differences = Differences(rtol, atol)
    compare(io.BytesIO(recorded), io.BytesIO(found), differences)
    return differences.result()


def picture(
    colour: float | tuple[float, ...] = (1, 2, 3),
    size: tuple[int, int] = (8, 6),
    kind: str = "PNG",
    mode: str = "RGB",
    **more: Any,
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, kind, **more)
    return out.getvalue()


def dated(date: str) -> bytes:
    info = PngInfo()
    info.add_text("Creation Time", date)
    return picture(pnginfo=info)


def test_metadata_do_not_count():
    assert dated("Monday") != dated("Tuesday")
    assert compared(dated("Monday"), dated("Tuesday")) == Deviation()


def test_the_format_does_not_count():
    assert compared(picture(), picture(kind="BMP")).within


def test_other_pixels_are_counted_and_the_worst_is_named():
    image = Image.new("RGB", (8, 6), (10, 10, 10))
    image.putpixel((3, 4), (10, 14, 10))
    image.putpixel((0, 0), (10, 11, 10))
    out = io.BytesIO()
    image.save(out, "PNG")
    found = compared(picture((10, 10, 10)), out.getvalue(), atol=1)
    assert (found.beyond, found.largest) == (1, 4.0)
    assert found.notes == ("pixel (3, 4), channel G: 10.0 recorded, 14.0 found",)
    assert compared(picture((10, 10, 10)), out.getvalue(), atol=4).within
    assert compared(picture((10, 10, 10)), out.getvalue(), rtol=0.4).within


def test_another_size_or_mode_is_different():
    assert not compared(picture(), picture(size=(8, 7)), atol=255).within
    assert not compared(picture((1,) * 3), picture(1, mode="L"), atol=255).within


def test_sixteen_bits_are_on_the_scale_of_eight():
    def deep(value: int) -> bytes:
        out = io.BytesIO()
        Image.fromarray(np.full((4, 4), value, dtype=np.uint16)).save(out, "PNG")
        return out.getvalue()

    assert compared(deep(0), deep(257)).largest == pytest.approx(1.0)


def test_the_order_of_a_palette_does_not_count():
    def painted(palette: list[int], index: int) -> bytes:
        image = Image.new("P", (4, 4), index)
        image.putpalette(palette)
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    assert compared(painted([1, 2, 3, 9, 9, 9], 0), painted([9, 9, 9, 1, 2, 3], 1)).within


def test_every_frame_counts():
    def moving(*values: int) -> bytes:
        frames = [Image.new("L", (4, 4), value) for value in values]
        out = io.BytesIO()
        frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
        return out.getvalue()

    assert compared(moving(1, 2), moving(1, 2)).within
    assert compared(moving(1, 2), moving(1, 3)).notes[0].startswith("frame 2, pixel (0, 0)")
    assert not compared(moving(1, 2), moving(1)).within


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"%PDF-1.4\n", "PDF"), (b"<svg/>", "SVG"), (b"<?xml?>", "SVG"), (b"%!PS", "PostScript"), (b"text", "no picture")],
)
def test_what_has_no_pixels_is_told_with_what_can_be_read(data, name):
    with pytest.raises(Unreadable, match=rf"{name}.*reads PNG, JPEG"):
        compared(data, data)
