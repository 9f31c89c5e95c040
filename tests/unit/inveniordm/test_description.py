"""Texts of authors as an InvenioRDM is told them."""

import re
import time
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.adapters.inveniordm.description import description_html, plain

HARMLESS = "a abbr b blockquote br code em h1 h2 h3 h4 h5 i li ol p pre s strong sub sup table tbody td th thead tr u ul"
PIECES = r"""< > </ script <script> </script> <p> <b <!-- --> &#60; &lt; a<b <svg/onload=x> &#7; <style> " <plaintext> é"""
BLANKS = (" onclick=alert(1)", "<a href='javascript:x'>", "\n\n", "- ", "\x00", "\u202e", "\ud800")
NASTY = st.lists(st.sampled_from((*PIECES.split(), *BLANKS)) | st.text(max_size=8), max_size=12).map("".join)


class Seen(HTMLParser):
    """What a browser would make of a piece of HTML: its elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        (" \n ", ""),
        ("One.\nStill one.\n\nTwo.", "<p>One. Still one.</p><p>Two.</p>"),
        ("if a<b & c>d", "<p>if a&lt;b &amp; c&gt;d</p>"),
        ("- one\n  more\n- two", "<ul><li>one more</li><li>two</li></ul>"),
        ("H<sub>2</sub>O, where 3 < 4", "<p>H<sub>2</sub>O, where 3 &lt; 4</p>"),
        ("<p>Kept.</p><p>Never closed", "<p>Kept.</p><p>Never closed</p>"),
        ("<script>alert(1)</script>Fine.", "<p>Fine.</p>"),
        ("<script>\n\n</script>", ""),
        ("<h2>Head</h2><h6>Less</h6>", "<h2>Head</h2>Less"),
        ('<a href="javascript:x()">here</a>', '<p><a rel="noopener noreferrer">here</a></p>'),
        ("a\x07b\u202ec\ud800d", "<p>abcd</p>"),
    ],
)
def test_a_description_keeps_what_was_meant(text: str, html: str):
    assert description_html(text) == html


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  A \t title\nin lines ", "A title in lines"),
        ("<i>Drosophila</i> <b>wing</b>", "Drosophila wing"),
        ("if a<b and c>d", "if a<b and c>d"),
        ("<script>alert(1)</script>x", "x"),
        ("<scr<b>ipt>alert(1)</scr</b>ipt>x", "x"),
        ("Café", "Café"),
    ],
)
def test_a_title_is_one_line_without_mark_up(text: str, line: str):
    assert plain(text, 100) == line


def test_what_is_too_long_ends_with_a_mark():
    assert plain("word " * 100, 12) == "word word w…"
    assert description_html("x" * 60_000).endswith("x…</p>")


@given(NASTY)
def test_whatever_the_text_its_html_has_harmless_elements_only(text: str):
    html = description_html(text)
    seen = Seen(html)
    assert seen.tags <= set(HARMLESS.split())
    assert {name for name, _ in seen.attributes} <= {"href", "rel"}
    assert all(re.match("https?:|mailto:|noopener", value or "") for _, value in seen.attributes)
    assert not _unseen(html)


@given(NASTY)
def test_whatever_the_text_its_line_has_no_tags_that_work_and_no_controls(text: str):
    line = plain(text, 60)
    assert len(line) <= 60
    assert not re.search(r"<\s*/?\s*(script|style|iframe|b|p)\s*>", line, re.IGNORECASE)
    assert not _unseen(line)
    assert "\n" not in line


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Cf")), max_size=60).filter(lambda text: "<" not in text))
def test_plain_text_loses_no_word(text: str):
    wanted = unicodedata.normalize("NFC", text).split()
    if not any(re.match("[-*•]$", word) for word in wanted) and not any(
        0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in text
    ):
        assert Seen(description_html(text)).text.split() == wanted


def test_hostile_texts_take_no_longer_than_others():
    began = time.monotonic()
    for piece in ("<", "<b", "<b ", "<script", "<!--", "<b x=", "- ", "\n \n", "<b>" * 3, "&", "<b a='"):
        plain(piece * 10_000, 1000)
        description_html(piece * 10_000)
    assert time.monotonic() - began < 30


def _unseen(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"] + re.findall(
        "[\u202a-\u202e]", text
    )
