"""Text from outside made fit for a terminal: what would move the cursor, colour, hide or reorder is shown, not obeyed."""

import codecs
import unicodedata

# Control and format characters, surrogates, private use, unassigned, and the two separators that break lines.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """`text` on one line, each unsafe character written as its Python escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if unicodedata.category(character) in _UNSAFE else character for character in text)


def visible_lines(text: str) -> str:
    """`text` with its line ends and tabs kept, and every other unsafe character written as its escape."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("    ".join(visible(part) for part in line.split("\t")) for line in lines)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


class LogText:
    """Log bytes as they come in pieces, made into safe text; a character or line end that a piece cuts is held back."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The safe text of what came; a line that overwrote itself (a lone carriage return) becomes several."""
        text = self._held + self._decoder.decode(data, final)
        self._held = "\r" if text.endswith("\r") and not final else ""
        text = text[: len(text) - len(self._held)]
        return visible_lines(text.replace("\r\n", "\n").replace("\r", "\n"))
