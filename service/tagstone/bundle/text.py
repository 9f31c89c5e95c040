"""Hostile text made safe for the place it is written to: Markdown, a shell, a URL inside the crate."""

import re
import shlex
import unicodedata
from urllib.parse import quote

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#!|~$])")
_BLOCK = re.compile(r"^([-+=]|[0-9]+[.)])")  # what begins a list or underlines a heading


def plain(text: str) -> str:
    """Text on one line, without control and direction characters, encodable as UTF-8."""
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join("".join(kept).split())


def markdown(text: str) -> str:
    """Text that Markdown shows as it is: no link, no markup, no HTML."""
    escaped = _MARKDOWN.sub(r"\\\1", plain(text).replace("&", "&amp;"))
    return _BLOCK.sub(lambda match: f"{match[1][:-1]}\\{match[1][-1]}", escaped)


def code(text: str) -> str:
    """Text as a Markdown code span, however many backticks it has."""
    inner = plain(text)
    longest = max((len(run) for run in re.findall(r"`+", inner)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if inner.startswith("`") or inner.endswith("`") or not inner else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def shell(text: str) -> str:
    """Text as one word of a POSIX shell. A NUL cannot be an argument of any program and is dropped."""
    return shlex.quote(text.replace("\0", ""))


def reference(path: str) -> str:
    """A path as the relative URI that RO-Crate wants."""
    return quote(path, safe="/-._~")
