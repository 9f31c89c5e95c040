"""Renditions as answers: a picture, or a page for a frame without scripts; where there is none, a note that says why."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from fastapi import Response
from markupsafe import Markup, escape

from tagstone.web.headers import FILE_HEADERS
from tagstone.web.renditions import Rendition

_STYLE = Path(__file__).parent / "static" / "frame.css"
_KEPT = {"Cache-Control": "private, max-age=3600"}  # a record's outputs do not change


def answer(made: Rendition, name: str) -> Response:
    """The rendition of the output called `name`."""
    if made.kind == "notebook":
        body = made.file.read_text(encoding="utf-8") if made.file else str(escape(f"There is no preview: {made.reason}."))
        return _frame(name, body)
    if made.file:
        return Response(made.file.read_bytes(), media_type="image/png", headers=FILE_HEADERS | _KEPT)
    return Response(_note(made.reason), media_type="image/svg+xml", headers=FILE_HEADERS)


def _frame(name: str, body: str) -> Response:
    """The body, cleaned before it was kept, as a document that may only look as our own style says."""
    style, digest = _style()
    policy = f"sandbox; default-src 'none'; img-src data:; style-src 'sha256-{digest}'; frame-ancestors 'self'"
    # Without a tab stop in it, a frame is passed over, and nobody scrolls it by keyboard.
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<title>{escape(name)}</title><style>{style}</style></head><body tabindex="0">{body}</body></html>'
    )
    headers = FILE_HEADERS | _KEPT | {"Content-Security-Policy": policy}
    return Response(text.encode("utf-8", "replace"), media_type="text/html; charset=utf-8", headers=headers)


@cache
def _style() -> tuple[Markup, str]:
    text = _STYLE.read_text(encoding="utf-8")
    return Markup(text), base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()  # noqa: S704 - a file of ours


def _note(reason: str) -> bytes:
    text = escape(f"No preview: {reason}.")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="80" viewBox="0 0 480 80"><rect width="480" height="80" '
        f'fill="#f1efeb"/><text x="240" y="46" text-anchor="middle" font-family="sans-serif" font-size="15" fill="#57524b">{text}</text></svg>'
    ).encode()
