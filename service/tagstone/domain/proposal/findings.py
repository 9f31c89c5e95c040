"""What reading code found: the packages it needs, the files it writes and those it reads, and paths made into globs."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_PLAIN = re.compile(r"[^\x00-\x1f\x7f\\\[\]{}?!]{1,300}")
_MOST = 12


@dataclass
class Findings:
    """Module or package names, and paths written (`*` for what is only known when it runs), each once and in order."""

    imports: dict[str, None] = field(default_factory=dict)
    writes: dict[str, None] = field(default_factory=dict)

    def add(self, other: "Findings") -> None:
        """Take in what another file has."""
        self.imports |= other.imports
        self.writes |= other.writes

    def wrote(self, path: str | None) -> None:
        """Note a path that is written, unless it leads out of the repository or says nothing."""
        if path is None or path.startswith(("/", "~")) or not _PLAIN.fullmatch(path):
            return
        path = re.sub(r"\*+", "*", posixpath.normpath(path))
        if path == ".." or path.startswith(("../", "*/")) or not re.search(r"[^\W\d_]", path):
            return
        self.writes[path] = None


def globs(paths: Iterable[str]) -> tuple[str, ...]:
    """Globs for files that are written: below a folder all with the same ending, at the top each file."""
    found: dict[str, None] = {}
    for path in sorted(paths):
        folder, name = posixpath.split(path)
        ending = posixpath.splitext(name)[1]
        if not folder:
            found[name] = None
        elif ending and "*" not in ending:
            found[f"{folder}/*{ending}"] = None
        else:
            found[f"{folder}/*"] = None
    whole = {pattern[:-1] for pattern in found if pattern.endswith("/*")}
    kept = [pattern for pattern in found if pattern.endswith("/*") or not any(_in(pattern, folder) for folder in whole)]
    if len(kept) > _MOST:
        kept = list(dict.fromkeys(posixpath.dirname(p) + "/*" if posixpath.dirname(p) else p for p in kept))
    return tuple(sorted(kept))


def _in(pattern: str, folder: str) -> bool:
    return pattern.startswith(folder) and "/" not in pattern[len(folder) :]
