"""Outputs of a run, by glob. A hostile process may have made the files, or may still be changing them: folders are
walked by descriptor, no link is ever followed, and what was opened is what is checked and stored.
"""

import fnmatch
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tagstone.adapters.workspace import DEEPEST, RESERVED
from tagstone.domain.reading.globs import glob_problem
from tagstone.domain.reading.paths import path_problem
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.run import OutputFile, OutputRules
from tagstone.errors import Invalid, Permanent
from tagstone.ports import Storage

_CHUNK = 2**20
_NEAREST = 5
_REMEDY_KIND = "Write outputs as plain files, each with one name."

Rest = tuple[int, tuple[str, ...]]
"""What is left to match of a pattern: its number and the segments below this folder."""


@dataclass
class _Collection:
    """What was found so far."""

    rules: OutputRules
    storage: Storage
    files: list[OutputFile] = field(default_factory=list)
    matched: set[int] = field(default_factory=set)
    total: int = 0


def collect(workspace: Path, rules: OutputRules, storage: Storage) -> list[OutputFile]:
    """Store the files of `workspace` that the patterns name, sorted by path; a folder that matches means all in it.

    Globs are those of `domain.reading.globs`; the folders of the run's own use are never outputs.

    Raises:
        Invalid: a link, device, pipe or socket matches; a name cannot be archived, or two are one on some systems; a limit
            is passed; a pattern is wrong or matches nothing.
    """
    start = beginning(rules.patterns)
    found = _Collection(rules, storage)
    root = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _walk(root, "", start, found, 0)
    finally:
        os.close(root)
    for number, pattern in enumerate(rules.patterns):
        if number not in found.matched:
            raise _no_match(pattern, workspace)
    _refuse_doubles(found.files)
    return sorted(found.files, key=lambda file: file.path)


def beginning(patterns: Sequence[str]) -> frozenset[Rest]:
    """What is left to match of the patterns at the workspace's top. Raises: Invalid for one that is wrong."""
    return frozenset(_opened((number, _segments(pattern)) for number, pattern in enumerate(patterns)))


def within(wanted: frozenset[Rest]) -> frozenset[Rest]:
    """What is left to match in a folder of which this was left: one that matches means all in it."""
    return frozenset(_opened((number, segments or ("**", "*")) for number, segments in wanted))


def _walk(folder: int, prefix: str, wanted: frozenset[Rest], found: _Collection, depth: int) -> None:
    if depth > DEEPEST:
        raise Invalid(f"Folders are nested more than {DEEPEST} deep at {prefix[:80]!r}.", remedy="Write outputs less deep.")
    for name in sorted(os.listdir(folder)):
        if not prefix and name in RESERVED:
            continue
        rest = advance(wanted, name)
        if rest:
            _take(folder, name, prefix + name, rest, found, depth)


def _take(folder: int, name: str, path: str, rest: frozenset[Rest], found: _Collection, depth: int) -> None:
    complete = {number for number, segments in rest if not segments}
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(info.st_mode):
        _descend(folder, name, path, rest, found, depth)
    elif complete:
        found.matched |= complete
        found.files.append(_store(folder, name, path, found))


def _descend(folder: int, name: str, path: str, rest: frozenset[Rest], found: _Collection, depth: int) -> None:
    try:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        _walk(inner, path + "/", within(rest), found, depth + 1)
    finally:
        os.close(inner)


def _store(folder: int, name: str, path: str, found: _Collection) -> OutputFile:
    _check_name(path)
    try:
        # O_NONBLOCK: opening a pipe must not wait for its other end.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        raise _refused(folder, name, path, error) from error
    with os.fdopen(handle, "rb", buffering=0) as file:
        _check_kind(path, os.fstat(file.fileno()))
        limit = _room(path, found, os.fstat(file.fileno()).st_size)
        stored = found.storage.keep(_chunks(file.fileno(), path, limit))
    found.total += stored.size
    return OutputFile(path=path, size=stored.size, sha256=stored.sha256, storage_key=stored.key)


def _chunks(handle: int, path: str, limit: int) -> Iterator[bytes]:
    size = 0
    while chunk := os.read(handle, _CHUNK):
        size += len(chunk)
        if size > limit:
            raise Invalid(f"The output {path!r} grew while it was read.", remedy="End what writes it before the command ends.")
        yield chunk


def _room(path: str, found: _Collection, size: int) -> int:
    """Bytes that this file may have. Raises: Invalid when it has more, or there are too many files."""
    rules = found.rules
    if len(found.files) >= rules.max_files:
        raise Invalid(f"There are more than {rules.max_files} outputs.", remedy="Name fewer files, or pack them into one.")
    if size > rules.max_file_bytes:
        what = f"The output {path!r} has {format_bytes(size)}; {format_bytes(rules.max_file_bytes)} are allowed."
        raise Invalid(what, remedy="Write less, or split it; sparse files count in full.")
    if found.total + size > rules.max_total_bytes:
        what = f"The outputs have more than {format_bytes(rules.max_total_bytes)} together, counted up to {path!r}."
        raise Invalid(what, remedy="Name fewer files under outputs, or write less.")
    return min(rules.max_file_bytes, rules.max_total_bytes - found.total)


def _refused(folder: int, name: str, path: str, error: OSError) -> Invalid:
    try:
        _check_kind(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return Invalid(f"The output {path!r} vanished while it was read.", remedy=_REMEDY_KIND)
    return _unreadable(path, error)


def _unreadable(path: str, error: OSError) -> Invalid:
    return Invalid(f"{path!r} cannot be read: {error.strerror}.", remedy="Let the command leave its outputs readable.")


def _check_kind(path: str, info: os.stat_result) -> None:
    if stat.S_ISLNK(info.st_mode):
        raise Invalid(f"The output {path!r} is a symbolic link.", remedy="Write the file itself: links are never followed.")
    if not stat.S_ISREG(info.st_mode):
        raise Invalid(f"The output {path!r} is a device, pipe or socket.", remedy=_REMEDY_KIND)
    if info.st_nlink > 1:
        raise Invalid(f"The output {path!r} is a hard link: it has {info.st_nlink} names.", remedy=_REMEDY_KIND)


def _check_name(path: str) -> None:
    problem = path_problem(path)
    if problem:
        raise Invalid(f"The output {path[:200]!r} {problem}: it cannot be archived.", remedy="Give it another name.")


def _refuse_doubles(files: list[OutputFile]) -> None:
    """Names that macOS or Windows take for one: there, unpacking the archive would lose a file."""
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(unicodedata.normalize("NFC", file.path).casefold(), file.path)
        if other != file.path:
            both = f"{ascii(other)[:200]} and {ascii(file.path)[:200]}"
            raise Invalid(f"The outputs {both} have the same name on some systems.", remedy="Rename one of them.")


def _segments(pattern: str) -> tuple[str, ...]:
    problem = glob_problem(pattern)
    if problem:
        remedy = "Outputs are paths or globs within the workspace, such as results/*.csv."
        raise Invalid(f"The output pattern {pattern[:200]!r} {problem}.", remedy=remedy)
    segments = tuple(pattern.split("/"))
    return (*segments, "*") if segments[-1] == "**" else segments


def _opened(rests: Iterator[Rest]) -> Iterator[Rest]:
    """The same, where `**` may also stand for no folder at all."""
    for number, segments in rests:
        yield number, segments
        rest = segments
        while rest and rest[0] == "**":
            rest = rest[1:]
            yield number, rest


def advance(wanted: frozenset[Rest], name: str) -> frozenset[Rest]:
    """What is left to match below or at an entry of this name: it matches wherever nothing is left."""
    return frozenset(_opened(after for rest in wanted for after in _after(rest, name)))


def _after(rest: Rest, name: str) -> Iterator[Rest]:
    number, segments = rest
    if not segments:
        return
    if segments[0] == "**":
        yield number, segments
    elif _expression(segments[0]).match(name):
        yield number, segments[1:]


@lru_cache(maxsize=1024)
def _expression(segment: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(segment))


def _no_match(pattern: str, workspace: Path) -> Invalid:
    nearest = [
        repr(path + "/" * (kind == "folder")) + " (a link)" * (kind == "link") for path, kind in nearest_to(pattern, workspace)
    ]
    beside = f" There are: {', '.join(nearest)}." if nearest else ""
    return Invalid(
        f"No file matches the output pattern {pattern!r}.{beside}",
        remedy="Correct `outputs` in tagstone.yml, or let the command write there; links are not followed.",
    )


def nearest_to(pattern: str, workspace: Path) -> list[tuple[str, str]]:
    """Paths in the deepest folder on the pattern's way that is there, each with what it is: file, folder or link."""
    segments = _segments(pattern)
    handle = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    prefix = ""
    try:
        for segment in segments[:-1]:
            try:
                inner = os.open(segment, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
            except OSError:
                break
            os.close(handle)
            handle, prefix = inner, f"{prefix}{segment}/"
        names = sorted(name for name in os.listdir(handle) if not name.startswith("."))
        wanted = segments[-1]
        close = sorted(names, key=lambda name: (os.path.splitext(name)[1] != os.path.splitext(wanted)[1], name))
        return [_shown(handle, name, prefix) for name in close[:_NEAREST]]
    except OSError as error:
        raise Permanent(f"The workspace cannot be read: {error.strerror}.", remedy="Run it again.") from error
    finally:
        os.close(handle)


def _shown(folder: int, name: str, prefix: str) -> tuple[str, str]:
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        mode = 0
    return (prefix + name)[:120], "link" if stat.S_ISLNK(mode) else "folder" if stat.S_ISDIR(mode) else "file"
