"""Queries as people type them: words, "phrases", field:value, AND, OR, NOT. All words are wanted unless OR says otherwise."""

import re
from typing import Any

from servers.inveniordm.search.fields import holds_phrase, holds_words, leaves, same, values
from servers.inveniordm.search.index import Document, Refused

_PIECE = re.compile(
    r'(?P<not>NOT\s+|-|\+)?(?:(?P<field>(?:[\w.*]|\\.)+):)?(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"()]+))'
)


def finds(query: str, document: Document) -> bool:
    """Say whether a typed query finds a document. Raises: Refused for what is not known here, such as brackets."""
    if query.strip() in {"", "*", "*:*"}:
        return True
    return any(
        all(_holds(piece, document) for piece in _pieces(alternative)) for alternative in re.split(r"\s(?:OR|\|\|)\s", query)
    )


def _pieces(query: str) -> list[re.Match[str]]:
    pieces, position = [], 0
    text = re.sub(r"\s(?:AND|&&)\s", " ", query).strip()
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            raise Refused(501, "stand_in", f"the typed query is too rich for the stand-in: {query!r}")
        pieces.append(piece)
        position = len(text) - len(text[piece.end() :].lstrip())
    return pieces


def _holds(piece: re.Match[str], document: Document) -> bool:
    field, phrase, word = (_plain(piece[name]) for name in ("field", "phrase", "word"))
    candidates: list[Any] = list(leaves(document.source)) if field is None else values(document.source, field)
    if word == "*":
        held = bool(candidates)
    elif phrase is not None:
        held = any(same(value, phrase) for value in candidates) or holds_phrase(phrase, candidates)
    else:
        held = any(same(value, word) for value in candidates) or holds_words(word, candidates, every=True)
    return held is not ((piece["not"] or "").strip() in {"NOT", "-"})


def _plain(text: str | None) -> str | None:
    return None if text is None else re.sub(r"\\(.)", r"\1", text)
