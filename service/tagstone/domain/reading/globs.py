"""Globs for outputs: `*` and `?` within one folder, `[abc]`, and `**` for any number of folders."""

import fnmatch
import re
from collections.abc import Sequence
from functools import lru_cache

from tagstone.domain.reading.paths import path_problem


def glob_problem(pattern: str) -> str | None:
    """Say what is wrong with an output glob, or None."""
    problem = path_problem(pattern)
    if problem:
        return problem
    segments = pattern.split("/")
    if len(pattern) > 1024 or len(segments) > 64:
        return "is too long"
    if any("**" in segment and segment != "**" for segment in segments):
        return "has `**` beside other characters; it must stand alone between slashes"
    if any("[" in re.sub(r"\[[!]?\]?[^\]]*\]", "", segment) for segment in segments):
        return "has a `[` without its `]`"
    return None


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Say whether a workspace path is meant by any of the globs; hidden files count like others."""
    segments = path.split("/")
    return any(_matches(segments, _compiled(pattern)) for pattern in patterns)


def means(path: str, pattern: str) -> bool:
    """Say whether a glob means a path, itself or by a folder above it: a folder stands for all in it."""
    parts = path.split("/")
    return any(matches("/".join(parts[:count]), [pattern]) for count in range(1, len(parts) + 1))


def _matches(path: Sequence[str], pattern: Sequence[re.Pattern[str] | None]) -> bool:
    """Walk the pattern, keeping every number of path segments that it may have eaten: no backtracking, bounded time."""
    eaten = {0}
    for part in pattern:
        if part is None:
            eaten = set(range(min(eaten), len(path) + 1)) if eaten else set()
        else:
            eaten = {count + 1 for count in eaten if count < len(path) and part.match(path[count])}
    return len(path) in eaten


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, ...]:
    """A pattern per segment; None stands for `**`, which at the end wants at least one segment."""
    segments = [None if segment == "**" else re.compile(fnmatch.translate(segment)) for segment in pattern.split("/")]
    return tuple([*segments, re.compile(fnmatch.translate("*"))] if segments[-1] is None else segments)
