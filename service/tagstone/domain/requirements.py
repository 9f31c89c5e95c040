"""Requirements files of pip: which other files they take in, and what no builder could find again.

The format: https://pip.pypa.io/en/stable/reference/requirements-file-format/.
"""

import posixpath
import re
from collections.abc import Callable

from tagstone.domain.faults import Fault

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|\s*=\s*|(?<=-[rc]))(\S+)")
_LOCAL = re.compile(
    r"(?:-e\b|--editable\b|\.{1,2}(?:/|$|\[)|/|file:|\S+\s*@\s*file:|(?:-f|--find-links)(?:\s+|=)(?!https?://))"
)
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def included(path: str, read: Callable[[str], str | None], faults: list[Fault]) -> list[str]:
    """The requirements file and all that it takes in with -r and -c, as paths in the repository, sorted.

    `read` answers None for a path that is not there. What is wrong is added to `faults`.
    """
    found: set[str] = set()
    waiting: list[tuple[str, str, int | None]] = [(path, "tagstone.yml", None)]
    while waiting:
        name, asked_by, asked_at = waiting.pop()
        if name in found:
            continue
        text = read(name)
        if text is None:
            faults.append(
                Fault(asked_by, f"There is no file {name[:100]} in the commit.", "Add it, or correct the path.", asked_at)
            )
            continue
        found.add(name)
        waiting += _lines(name, text, faults)
    return sorted(found)


def _lines(name: str, text: str, faults: list[Fault]) -> list[tuple[str, str, int | None]]:
    """The files that one requirements file takes in, each with where it is named."""
    taken: list[tuple[str, str, int | None]] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        entry = _COMMENT.sub("", line).strip()
        include = _INCLUDE.match(entry)
        if include is None:
            if _LOCAL.match(entry):
                faults.append(
                    Fault(name, f"{entry[:60]!r} is a path.", "Name a package, or install it in the `install` script.", number)
                )
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), include[1]))
        if "://" in include[1] or target.startswith(("/", "..")):
            faults.append(
                Fault(name, f"{include[1][:60]!r} is not in the repository.", "Put the file into the repository.", number)
            )
        else:
            taken.append((target, name, number))
    return taken
