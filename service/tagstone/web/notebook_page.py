"""A notebook as HTML without scripts, styles, links and addresses, by nbconvert and nh3; runs in a child process only."""

import re
import warnings
from typing import Any

import nbformat
import nh3
from nbconvert import HTMLExporter

_CELLS, _OUTPUTS, _TEXT, _PICTURE = 200, 20, 20_000, 2_000_000
_PICTURES = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
# The kinds of output that are shown, the first of them that there is; JavaScript, widgets and SVG are not.
_SHOWN = ("text/html", "text/markdown", "image/png", "image/jpeg", "text/latex", "text/plain")
# No links: they would lead nowhere from inside a sandbox; their words stay.
_TAG_NAMES = (
    "abbr b blockquote br caption code col colgroup dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre s samp "
    "small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
_ATTRIBUTES = {
    "*": {"class"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}


def page(data: bytes) -> bytes:
    """The notebook's cells and outputs as a piece of HTML (UTF-8). Raises: ValueError when it cannot be read as one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of notebooks that are not quite in order
        try:
            notebook = nbformat.reads(data.decode("utf-8"), as_version=4)  # type: ignore[no-untyped-call]  # the library's
            _cut(notebook)
            html, _ = _exporter().from_notebook_node(notebook)
        except Exception as error:  # whatever a stranger's notebook breaks in the libraries
            raise ValueError(f"{type(error).__name__}: {error}"[:300]) from error
    return clean(html).encode("utf-8", "replace")


def warm_up() -> None:
    """Load what is otherwise loaded at the first notebook: afterwards the files may not be readable any more."""
    cells = '[{"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": "1"}]'
    page(f'{{"cells": {cells}, "metadata": {{}}, "nbformat": 4, "nbformat_minor": 4}}'.encode())


def clean(html: str) -> str:
    """The HTML with nothing left in it that runs, loads, or leads anywhere."""
    return nh3.clean(
        html,
        tags=set(_TAG_NAMES.split()),
        clean_content_tags={"script", "style", "iframe", "object", "svg", "math", "template", "noscript"},
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"data"},
        link_rel=None,
    )


def _exporter() -> HTMLExporter:
    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True, embed_images=False)  # type: ignore[no-untyped-call]  # the library's
    exporter.environment.auto_reload = False
    return exporter


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "img" and name == "src":
        return value if _PICTURES.fullmatch(value) else None
    if name in {"width", "height", "colspan", "rowspan"}:
        return value if value.isdecimal() and len(value) <= 4 else None
    return value


def _cut(notebook: Any) -> None:
    """Leave out what is too long, and kinds of output that are not shown."""
    notebook.cells = notebook.cells[:_CELLS]
    for cell in notebook.cells:
        cell.source = cell.source[:_TEXT]
        cell.pop("attachments", None)
        outputs = cell.get("outputs", [])[:_OUTPUTS]
        for output in outputs:
            if "text" in output:
                output.text = output.text[:_TEXT]
            if "traceback" in output:
                output.traceback = [line[:_TEXT] for line in output.traceback[:50]]
            if "data" in output:
                kind = next((kind for kind in _SHOWN if kind in output.data), None)
                most = _PICTURE if kind and kind.startswith("image/") else _TEXT * 5
                output.data = (
                    {kind: output.data[kind]} if kind and len(output.data[kind]) <= most else {"text/plain": "[not shown]"}
                )
        if "outputs" in cell:
            cell.outputs = outputs
