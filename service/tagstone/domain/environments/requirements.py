"""Requirements files of pip: which other files they take in, what of the repository, and what no builder could find again.

The format: https://pip.pypa.io/en/stable/reference/requirements-file-format/.
"""

import posixpath
import re
from dataclasses import dataclass

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.reading.faults import Fault

MOST_FAULTS = 50
"""So many are told; a file with more is no such file."""

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s+|\s*=\s*|(?<=-[rc]))(\S+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|\s*=\s*)(?=\S)")
_INSIDE = re.compile(r"\.{1,2}(?:/[^\s;\[]*)?(?=$|[\s;\[])")
_OUTSIDE = re.compile(r"(?:/|file:|\S+\s*@\s*file:|(?:-f|--find-links)(?:\s+|=)(?!https?://))")
_VERSION_CONTROL = re.compile(r"(?:[A-Za-z0-9._\[\],-]+\s*@\s*)?(git|hg|svn|bzr)\+")
_COMMENT = re.compile(r"(?:^|\s)#.*$")


@dataclass
class Requirements:
    """A requirements file with all that it takes in (`files`, paths in the repository, sorted).

    `local` says that it installs folders of the repository, `itself` that its top is one, `editable` that one of them stays where it is, `git` that it
    fetches with Git.
    """

    files: tuple[str, ...] = ()
    local: bool = False
    itself: bool = False
    editable: bool = False
    git: bool = False


def read_requirements(path: str, tree: Tree, asked_by: str, faults: list[Fault]) -> Requirements:
    """Read the requirements file at `path`, which `asked_by` names. What is wrong is added to `faults`."""
    read = Requirements()
    found: set[str] = set()
    waiting: list[tuple[str, str, int | None]] = [(path, asked_by, None)]
    while waiting:
        name, named_by, named_at = waiting.pop()
        if name in found:
            continue
        text = tree.text(name)
        if text is None:
            faults.append(
                Fault(named_by, f"There is no file {name[:100]} in the commit.", "Add it, or correct the path.", named_at)
            )
            continue
        found.add(name)
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
            if len(faults) < MOST_FAULTS:
                waiting += _line(name, number, _COMMENT.sub("", line).strip(), tree, read, faults)
    read.files = tuple(sorted(found))
    return read


def judge_line(file: str, number: int | None, line: str, tree: Tree, read: Requirements, faults: list[Fault]) -> None:
    """Note what one requirement means for the build; a fault where nobody could install it again."""
    editable = _EDITABLE.match(line)
    what = line[editable.end() :] if editable else line
    inside = _INSIDE.match(what)
    control = _VERSION_CONTROL.match(what)
    if inside or _names_a_folder(what, tree):
        place = posixpath.normpath(inside[0] if inside else what.split()[0])
        if place.startswith("..") or not _is_there(place, tree):
            faults.append(
                Fault(file, f"{line[:60]!r} is not in the repository.", "Correct the path; it begins at the top.", number)
            )
        read.local = True
        read.itself = read.itself or place == "."
        read.editable = read.editable or editable is not None
    elif editable:
        faults.append(
            Fault(file, f"{line[:60]!r} would be a copy that changes.", "Leave out -e: install what it is now.", number)
        )
    elif _OUTSIDE.match(what):
        faults.append(
            Fault(
                file, f"{line[:60]!r} is a path of one machine.", "Name a package, or ./ and a path in the repository.", number
            )
        )
    elif control and control[1] != "git":
        faults.append(Fault(file, f"{line[:60]!r} needs {control[1]}.", "Name a released package, or one from Git.", number))
    elif control:
        read.git = True


def _line(
    file: str, number: int, line: str, tree: Tree, read: Requirements, faults: list[Fault]
) -> list[tuple[str, str, int | None]]:
    """The files that one line takes in, each with where it is named."""
    include = _INCLUDE.match(line)
    if include is None:
        judge_line(file, number, line, tree, read, faults)
        return []
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file), include[1]))
    if "://" in include[1] or target.startswith(("/", "..")):
        faults.append(
            Fault(file, f"{include[1][:60]!r} is not in the repository.", "Put the file into the repository.", number)
        )
        return []
    return [(target, file, number)]


def _names_a_folder(what: str, tree: Tree) -> bool:
    """Say whether pip would take a requirement for a path, though it does not begin like one: something like it is there."""
    word = what.partition(" ")[0]
    return "/" in word and "@" not in word and ":" not in word and not word.startswith(("/", "-")) and _is_there(word, tree)


def _is_there(place: str, tree: Tree) -> bool:
    return place == "." or tree.has(place)
