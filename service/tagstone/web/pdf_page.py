"""The first page of a PDF as a picture, by PDFium; runs in a child process only."""

import io

import pypdfium2  # type: ignore[import-untyped]  # has none
from PIL import Image

_WIDTH, _HEIGHT = 1000, 1400


def first_page(data: bytes) -> bytes:
    """The first page as PNG, at most 1000 by 1400 pixels. Raises: ValueError when there is none."""
    try:
        document = pypdfium2.PdfDocument(data)
        page = document[0]
        width, height = page.get_size()
        if min(width, height) < 1:
            raise ValueError("the page has no size")
        picture = page.render(scale=min(_WIDTH / width, _HEIGHT / height, 4.0)).to_pil()
    except (pypdfium2.PdfiumError, IndexError) as error:
        raise ValueError(str(error)) from error
    return _png(picture)


def warm_up() -> None:
    """Load what is otherwise loaded at the first page: afterwards the files may not be readable any more."""
    document = pypdfium2.PdfDocument.new()
    _png(document.new_page(8, 8).render(scale=1).to_pil())


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()
