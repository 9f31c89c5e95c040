"""Texts as an InvenioRDM wants them: one line without mark-up, and descriptions as HTML that does nothing."""

import html
import re
import unicodedata
from collections.abc import Iterator

import nh3

ABSTRACT = 50_000
"""The longest description that is kept, in characters."""
_NESTED = 3  # tags within tags that are taken out of one line; whoever nests deeper does so on purpose
_BLOCKS = "blockquote br dd dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table tbody td tfoot th thead tr ul div"
_INLINE = "a abbr b code em i kbd s small span strike strong sub sup tt u"
_ACTIVE = "script style iframe object embed form input button svg math link meta base template img video audio"
_HARMLESS = "a abbr b blockquote br code em h1 h2 h3 h4 h5 i li ol p pre s strong sub sup table tbody td th thead tr u ul"
_ATTRIBUTE = r"""\s+[A-Za-z-]{1,40}\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+)"""


def _tag(names: str) -> re.Pattern[str]:
    return re.compile(rf"</?(?:{'|'.join(names.split())})(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE)


_BLOCK, _ANY = _tag(_BLOCKS), _tag(f"{_BLOCKS} {_INLINE} {_ACTIVE}")
_LOOSE = re.compile(f"{_ANY.pattern}|<", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SCRIPT = re.compile(r"<\s*(script|style)\b.*?(?:<\s*/\s*\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_POINT = re.compile(r"\s*[-*•]\s+(?=\S)")
# They turn the direction of what follows, or show nothing.
_UNSEEN = frozenset("\u200b\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str, longest: int) -> str:
    """One line of text: without HTML's tags and control characters, blanks made single, cut after `longest` characters."""
    text = _printable(text)
    for _ in range(_NESTED):  # what is left may make a tag again
        text = _ANY.sub("", _SCRIPT.sub("", text))
    if _ANY.search(text) or _SCRIPT.search(text):
        text = text.replace("<", " ")
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def description_html(text: str) -> str:
    """An author's text as HTML: paragraphs and lists of plain text, or the harmless part of what is HTML already."""
    text = _printable(text)
    if len(text) > ABSTRACT:
        text = text[:ABSTRACT].rstrip() + "…"
    # In HTML, too, an author may mean "less than".
    marked = _ANY.search(text) is not None
    text = _LOOSE.sub(_tag_alone, _COMMENT.sub("", text)) if marked else html.escape(text, quote=False)
    if not _BLOCK.search(text):
        text = "".join(_block(block) for block in re.split(r"\n[ \t]*\n", text) if block.strip())
    clean = nh3.clean(
        text, tags=set(_HARMLESS.split()), attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"}
    ).strip()
    return _printable(clean) if nh3.clean(clean, tags=set()).strip() else ""


def _tag_alone(match: re.Match[str]) -> str:
    return "&lt;" if match[0] == "<" else match[0]


def _block(text: str) -> str:
    """A paragraph, or a list where each line, or the one that it goes on from, begins with a point."""
    lines = text.strip("\n").split("\n")
    if not _POINT.match(lines[0]):
        return f"<p>{' '.join(text.split())}</p>"
    return "<ul>" + "".join(f"<li>{item}</li>" for item in _items(lines)) + "</ul>"


def _items(lines: list[str]) -> Iterator[str]:
    item = ""
    for line in lines:
        if _POINT.match(line):
            if item:
                yield item
            item = _POINT.sub("", line, count=1).strip()
        else:
            item += f" {line.strip()}"
    yield item


def _printable(text: str) -> str:
    """The text in NFC without controls, lone surrogates and what is no character of XML."""
    kept = (c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c in "\n\t" or _shown(c))
    return unicodedata.normalize("NFC", "".join(kept))


def _shown(character: str) -> bool:
    code = ord(character)
    nobody = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return unicodedata.category(character) not in ("Cc", "Cs") and not nobody and character not in _UNSEEN
