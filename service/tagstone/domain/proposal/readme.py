"""What a README says: the title, the first paragraph, and the commands in its code blocks."""

import re
import shlex
from dataclasses import dataclass

NAMES = ("README.md", "README.rst", "README.txt", "README", "readme.md", "Readme.md", "README.org")
_LONGEST_TITLE, _LONGEST_ABSTRACT = 300, 2000
_LINES, _LONGEST_LINE = 2000, 2000
_BADGE = re.compile(r"!\[[^\]\n]*\](?:\([^)\n]*\)|\[[^\]\n]*\])")
_LINK = re.compile(r"\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])")
_RST_LINK = re.compile(r"`([^`<\n]+?)\s*<[^>\n]*>`_+")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,500}>")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([A-Za-z0-9_+-]*)")
_SHELLS = ("", "sh", "bash", "shell", "console", "zsh", "shell-session", "text")
_UNDERLINE = re.compile(r"^([=\-~^\"#*+])\1{2,}\s*$")
_NO_PROSE = re.compile(r"^(?:[-*+>|#]|\d+[.)]|\.\. |:\w|=|~~~|```|\s{4}|\[!|\$ )")
_MARKS = re.compile(r"(\*\*|__|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)|``?)")
_SHELL_SIGNS = set("|&;<>$`\\*?(){}!~#")


@dataclass(frozen=True)
class Readme:
    """The title and first paragraph as plain text, and each command of a code block in its words."""

    title: str = ""
    abstract: str = ""
    commands: tuple[tuple[str, ...], ...] = ()


def read_readme(text: str) -> Readme:
    """Read a README in Markdown, reStructuredText or neither."""
    raw = [line[:_LONGEST_LINE] for line in text.replace("\r\n", "\n").split("\n")[:_LINES]]
    lines = [_TAG.sub("", line) for line in _without_comments("\n".join(raw)).split("\n")]
    title, after = _title(lines)
    return Readme(title, _abstract(lines[after:]), tuple(_commands(raw)))


def plain(text: str) -> str:
    """Markdown or reStructuredText without its marks, on one line."""
    text = _RST_LINK.sub(r"\1", _LINK.sub(r"\1", _BADGE.sub("", text)))
    return " ".join(_MARKS.sub("", text).split())


def _without_comments(text: str) -> str:
    """Text without HTML comments; one that is never closed takes all that follows."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0:
        kept.append(text[at:start])
        end = text.find("-->", start)
        at = end + 3 if end >= 0 else len(text)
    return "".join([*kept, text[at:]])


def _title(lines: list[str]) -> tuple[str, int]:
    """The first heading, and the number of the line behind it."""
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= bool(_FENCE.match(line))
        if fenced:
            continue
        marked = re.match(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", line) or re.match(r"^\*\s+(.+)$", line)
        if marked and plain(marked[1]):
            return plain(marked[1])[:_LONGEST_TITLE], number + 1
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if plain(line) and not _UNDERLINE.match(line) and _UNDERLINE.match(below):
            return plain(line)[:_LONGEST_TITLE], number + 2
    return "", 0


def _abstract(lines: list[str]) -> str:
    """The first paragraph that is prose."""
    found: list[str] = []
    fenced = False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            if found:
                break
            fenced = not fenced
            continue
        below = lines[number + 1] if number + 1 < len(lines) else ""
        prose = not fenced and plain(line) and not _NO_PROSE.match(line) and not _UNDERLINE.match(below)
        if prose:
            found.append(plain(line))
        elif found:
            break
    text = " ".join(found)[:_LONGEST_ABSTRACT]
    # What leads over to a list says nothing without it.
    return text if re.search(r"[.!?…)\"'。]$", text) or ". " not in text else text[: text.rindex(". ") + 1]


def _commands(lines: list[str]) -> list[tuple[str, ...]]:
    """Plain commands of fenced and indented blocks; what needs a shell to be understood is left out."""
    found: list[tuple[str, ...]] = []
    fence, language = "", ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence, language = ("", "") if fence else (mark[1], mark[2].lower())
            continue
        block = bool(fence) and language in _SHELLS
        if not block and not (not fence and re.match(r"^(?: {4}|\t| {2,3}\$ )", line)):
            continue
        words = command_words(re.sub(r"^\s*(?:\$|>|%)\s+", "", line).strip())
        if words:
            found.append(words)
    return found


def command_words(line: str) -> tuple[str, ...]:
    """A command line in words, empty where it is more than a program with its arguments."""
    line = re.sub(r"\s+#.*$", "", line)
    if not line or len(line) > 500 or _SHELL_SIGNS & set(line):
        return ()
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return ()
