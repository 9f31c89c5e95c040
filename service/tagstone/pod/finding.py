"""What of a workspace is to be brought out: all that the patterns name, whatever it is. The service judges it by its usual rules.

The author's code made the files: folders are walked by descriptor, and no link is followed.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tagstone.adapters.outputs import Rest, advance, beginning, nearest_to, within
from tagstone.adapters.workspace import DEEPEST, RESERVED
from tagstone.domain.runs.brought import Kind
from tagstone.errors import Invalid

_NEAR: dict[str, Kind] = {"file": "near-file", "folder": "near-folder", "link": "near-link"}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Found:
    """An entry of the workspace; `kind` is file, link, double (a file with several names) or special. `handle` is open for files only."""

    path: str
    kind: Kind
    size: int = 0
    handle: int = -1


def find(workspace: Path, patterns: tuple[str, ...]) -> Iterator[Found]:
    """Every entry that a pattern names, as `adapters.outputs` walks; where one names nothing, what is nearest to it.

    Raises: Invalid for folders and files that cannot be read, or lie too deep.
    """
    missed = set(range(len(patterns)))
    root = os.open(workspace, _READ | os.O_DIRECTORY)
    try:
        yield from _walk(root, "", beginning(patterns), missed, 0)
    finally:
        os.close(root)
    for number in sorted(missed):
        for path, kind in nearest_to(patterns[number], workspace):
            yield Found(path, _NEAR[kind])


def _walk(folder: int, prefix: str, wanted: frozenset[Rest], missed: set[int], depth: int) -> Iterator[Found]:
    if depth > DEEPEST:
        raise Invalid(f"Folders are nested more than {DEEPEST} deep at {prefix[:80]!r}.", remedy="Write outputs less deep.")
    for name in sorted(os.listdir(folder)):
        rest = frozenset() if not prefix and name in RESERVED else advance(wanted, name)
        if not rest:
            continue
        path, complete = prefix + name, {number for number, segments in rest if not segments}
        try:
            if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                inner = os.open(name, _READ | os.O_DIRECTORY, dir_fd=folder)
                try:
                    yield from _walk(inner, f"{path}/", within(rest), missed, depth + 1)
                finally:
                    os.close(inner)
            elif complete:
                missed -= complete
                yield from _entry(folder, name, path)
        except OSError as error:
            raise Invalid(
                f"{path!r} cannot be read: {error.strerror}.", remedy="Let the command leave its outputs readable."
            ) from error


def _entry(folder: int, name: str, path: str) -> Iterator[Found]:
    info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(info.st_mode):
        yield Found(path, "link")
    elif not stat.S_ISREG(info.st_mode):
        yield Found(path, "special")
    elif info.st_nlink > 1:
        yield Found(path, "double")
    else:
        handle = os.open(name, _READ | os.O_NONBLOCK, dir_fd=folder)
        try:
            yield Found(path, "file", os.fstat(handle).st_size, handle)
        finally:
            os.close(handle)
