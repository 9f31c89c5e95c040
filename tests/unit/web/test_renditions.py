"""Previews of PDFs and notebooks: made once, in a child process that may not do much, and nothing of them runs."""

import io
import json
import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from fakes.installation import Installation
from tagstone.errors import Temporary
from tagstone.web import notebook_page
from tagstone.web.notebook_page import clean
from tagstone.web.renditions import Limits, Renditions

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:x'>words</a><svg onload=x></svg><style>x</style>"
)


def pdf() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (300, 400), "white").save(stream, "PDF")
    return stream.getvalue()


def notebook(text: str = EVIL) -> bytes:
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/html": EVIL}}
    run = {"output_type": "display_data", "metadata": {}, "data": {"application/javascript": "alert(1)"}}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": f"# Title\n{text}"},
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "1 + 1", "outputs": [shown, run]},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


def test_the_first_page_of_a_pdf_is_a_picture(web: TestClient, installation: Installation):
    publication = installation.record({"paper.pdf": pdf()})
    assert f'src="/records/{publication}/previews/outputs/paper.pdf"' in web.get(f"/records/{publication}").text
    answer = web.get(f"/records/{publication}/previews/outputs/paper.pdf")
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (1000, 1334)


def test_a_notebook_is_a_page_in_a_sandbox_with_nothing_in_it_that_runs(web: TestClient, installation: Installation):
    publication = installation.record({"fit.ipynb": notebook()})
    page = web.get(f"/records/{publication}").text
    assert (
        f'<iframe src="/records/{publication}/previews/outputs/fit.ipynb" title="The notebook fit.ipynb" sandbox loading="lazy">'
        in page
    )
    answer = web.get(f"/records/{publication}/previews/outputs/fit.ipynb")
    assert answer.headers["content-security-policy"].startswith(
        "sandbox; default-src 'none'; img-src data:; style-src 'sha256-"
    )
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    for word in ("<script", "onerror", "javascript", "<svg", "alert(1)"):
        assert word not in answer.text
    assert "<h1>Title</h1>" in answer.text
    assert "words" in answer.text


def test_what_cannot_be_read_is_said_and_not_tried_again(web: TestClient, installation: Installation):
    publication = installation.record({"paper.pdf": b"%PDF-1.4 nonsense"})
    note = web.get(f"/records/{publication}/previews/outputs/paper.pdf")
    assert note.headers["content-type"] == "image/svg+xml"
    assert "it cannot be read as a PDF" in note.text
    page = web.get(f"/records/{publication}").text
    assert "/previews/" not in page
    assert "no preview: it cannot be read as a PDF" in page


@pytest.mark.parametrize(
    "path", ["outputs/raw.bin", "outputs/none.pdf", "../outputs/paper.pdf", "reproduce.sh", "outputs/../outputs/paper.pdf"]
)
def test_only_outputs_have_previews(web: TestClient, installation: Installation, path: str):
    publication = installation.record({"paper.pdf": pdf(), "raw.bin": b"x"})
    assert web.get(f"/records/{publication}/previews/{path.replace('..', '%2e%2e')}").status_code == 404


def test_a_rendition_is_made_once(tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(pdf())
    renditions = Renditions(tmp_path / "kept")
    made = renditions.of("pdf", tmp_path / "a.pdf", "a" * 64)
    (tmp_path / "a.pdf").unlink()
    assert renditions.of("pdf", tmp_path / "a.pdf", "a" * 64) == made
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["a" * 64 + ".png"]


def test_a_file_that_is_too_large_or_takes_too_long_has_none(tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(pdf())
    assert Renditions(tmp_path / "1", Limits(file_bytes=10)).of("pdf", tmp_path / "a.pdf", "a" * 64).reason == "it is too large"
    assert Renditions(tmp_path / "2", Limits(seconds=0.01)).of("pdf", tmp_path / "a.pdf", "a" * 64).reason == "it took too long"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff\xfe", b'{"cells": 1}', b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"]
)
def test_what_is_no_notebook_is_a_value_error(data: bytes):
    with pytest.raises(ValueError, match=":"):
        notebook_page.page(data)


def test_what_is_long_in_a_notebook_is_cut():
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 1_000_000}
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "1", "outputs": [output] * 40}
    data = json.dumps({"cells": [cell] * 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()
    assert len(notebook_page.page(data)) < 1_500_000


def test_only_so_many_are_made_at_once(tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(pdf())
    with pytest.raises(Temporary):
        Renditions(tmp_path / "kept", Limits(at_once=0, patience=0.01)).of("pdf", tmp_path / "a.pdf", "a" * 64)


def test_the_oldest_are_forgotten_when_there_is_too_much(tmp_path: Path):
    (tmp_path / "a.pdf").write_bytes(pdf())
    kept = tmp_path / "kept"
    kept.mkdir()
    for number in range(3):
        (kept / f"{number}.png").write_bytes(bytes(1000))
        os.utime(kept / f"{number}.png", (number, number))
    made = Renditions(kept, Limits(kept_bytes=9000)).of("pdf", tmp_path / "a.pdf", "a" * 64)
    assert made.file is not None
    left = {file.name for file in kept.iterdir()}
    assert made.file.name in left
    assert "0.png" not in left or sum(file.stat().st_size for file in kept.iterdir()) <= 9000


@pytest.mark.parametrize(
    "html",
    [
        EVIL, "<iframe src=x></iframe>", "<form action=x><input></form>", "<img src='http://tracker/x.png'>", "<img src='data:image/svg+xml;base64,x'>",
        "<object data=x></object>", "<math><mi xlink:href='javascript:x'>", "<p style='background:url(http://x)'>", "<meta http-equiv=refresh content='0;url=x'>",
        "<link rel=stylesheet href=x>", "<base href=x>", "<video src=x onerror=x>", "<a href='data:text/html,x'>",
    ],
)  # fmt: skip
def test_cleaned_html_runs_loads_and_leads_nowhere(html: str):
    cleaned = clean(f"<div>{html}</div>").lower()
    for word in (
        "<script",
        "on error",
        "onerror",
        "onload",
        "href",
        "http",
        "src=",
        "<iframe",
        "<form",
        "<input",
        "style",
        "<meta",
        "<link",
        "<svg",
    ):
        assert word not in cleaned


def test_pictures_inside_a_notebook_stay():
    assert clean('<img src="data:image/png;base64,AAAA" alt="x">') == '<img src="data:image/png;base64,AAAA" alt="x">'
