"""Pictures by their pixels, as a person sees them: dates, programs' names and other metadata do not count."""

import io
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence, UnidentifiedImageError

from tagstone.adapters.output_values.differences import Differences, Unreadable

# Only formats that Pillow reads itself: it would hand PostScript to another program.
FORMATS = ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM")
_READABLE = "`compare: pixels` reads PNG, JPEG, GIF, TIFF, WebP, BMP and PNM"
_SIXTEEN = ("I;16", "I;16B", "I;16L", "I;16N")
_MOST_FRAMES = 1000

Image.MAX_IMAGE_PIXELS = 2**27


def compare(recorded: BinaryIO, found: BinaryIO, differences: Differences) -> None:
    """Compare two pictures, every frame of them; channels on the scale 0 to 255, numbers of 32 bits, which have no scale, as they are.

    Raises: Unreadable.
    """
    with _open(recorded, "recorded") as one, _open(found, "found") as two:
        frames = getattr(one, "n_frames", 1), getattr(two, "n_frames", 1)
        if frames[0] != frames[1]:
            differences.structure(f"{frames[0]} frames recorded, {frames[1]} found")
            return
        if frames[0] > _MOST_FRAMES:
            raise Unreadable(f"it has more than {_MOST_FRAMES} frames")
        for number, (left, right) in enumerate(zip(ImageSequence.Iterator(one), ImageSequence.Iterator(two), strict=True)):
            _compare_frame(f"frame {number + 1}, " if frames[0] > 1 else "", left, right, differences)


def warm_up() -> None:
    """Load all that reading pictures needs."""
    Image.init()
    sample = io.BytesIO()
    Image.new("L", (1, 1)).save(sample, "PNG")
    compare(io.BytesIO(sample.getvalue()), io.BytesIO(sample.getvalue()), Differences(0.0, 0.0))


def _open(stream: BinaryIO, which: str) -> Image.Image:
    start = stream.read(512).lstrip()
    stream.seek(0)
    for mark, name in ((b"%PDF", "PDF"), (b"<svg", "SVG"), (b"<?xml", "SVG or XML"), (b"%!PS", "PostScript")):
        if start.startswith(mark):
            raise Unreadable(f"what was {which} is {name}, which has no pixels of its own; {_READABLE}")
    try:
        picture = Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        raise Unreadable(f"what was {which} is no picture that can be read; {_READABLE}") from None
    return picture


def _compare_frame(frame: str, recorded: Image.Image, found: Image.Image, differences: Differences) -> None:
    if recorded.size != found.size:
        sizes = [f"{width} × {height} pixels" for width, height in (recorded.size, found.size)]
        differences.structure(f"{frame}{sizes[0]} recorded, {sizes[1]} found")
        return
    if recorded.mode != found.mode:
        differences.structure(f"{frame}mode {recorded.mode} recorded, {found.mode} found")
        return
    # The order of colours in a palette is not seen.
    one, two = (picture.convert("RGBA") if picture.mode in ("P", "PA") else picture for picture in (recorded, found))
    scale = 255.0 if one.mode == "1" else 1 / 257 if one.mode in _SIXTEEN else 1.0

    def where(place: tuple[int, ...]) -> str:
        return f"{frame}pixel ({place[1]}, {place[0]}), channel {one.getbands()[place[2]]}"

    differences.arrays(where, _channels(one), _channels(two), scale)


def _channels(picture: Image.Image) -> NDArray[Any]:
    """Rows, columns and channels."""
    values = np.asarray(picture)
    return values.reshape(values.shape[0], values.shape[1], -1)
