"""Which files of a repository a Containerfile can see: those that it copies, less those that `.dockerignore` names."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from tagstone.domain.code.source import EntryKind, SourceEntry
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.build import ContextFile
from tagstone.domain.reading.globs import matches

IGNORE_FILES = (".containerignore", ".dockerignore")
"""Where patterns may stand; the first that is there counts, as in buildah. They are read here, and no engine sees them."""


def context_files(entries: Iterable[SourceEntry]) -> tuple[ContextFile, ...]:
    """The entries as files of a context, sorted by path; submodules have no content of their own and are left out."""
    return tuple(
        ContextFile(entry.path, entry.object_id, entry.kind is EntryKind.EXECUTABLE, entry.kind is EntryKind.SYMLINK)
        for entry in sorted(entries, key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))
        if entry.kind is not EntryKind.SUBMODULE
    )


def visible(tree: Tree) -> list[SourceEntry]:
    """The entries of a commit that its ignore file lets through."""
    return without_ignored(tree.entries, next((text for name in IGNORE_FILES if (text := tree.text(name)) is not None), ""))


def copied(entries: Iterable[SourceEntry], source: str) -> list[SourceEntry]:
    """The entries that one source of COPY or ADD means: a file, a folder with all below it, or a pattern."""
    pattern = _clean(source)
    return [entry for entry in entries if pattern in ("", ".") or _at_or_below(entry.path, pattern)]


def without_ignored(entries: Iterable[SourceEntry], patterns: str) -> list[SourceEntry]:
    """The entries that a `.dockerignore` with this text lets through, itself left out; the last pattern that matches decides."""
    rules = _rules(patterns)
    return [entry for entry in entries if entry.path not in IGNORE_FILES and not _ignored(entry.path, rules)]


def _rules(text: str) -> list[tuple[bool, str]]:
    rules = []
    for line in text.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        again = pattern.startswith("!")
        rules.append((not again, _clean(pattern.removeprefix("!").strip())))
    return rules


def _ignored(path: str, rules: Sequence[tuple[bool, str]]) -> bool:
    for ignore, pattern in reversed(rules):
        if pattern and (pattern == "." or _at_or_below(path, pattern)):
            return ignore
    return False


def _at_or_below(path: str, pattern: str) -> bool:
    parts = path.split("/")
    return any(matches("/".join(parts[:count]), [pattern]) for count in range(1, len(parts) + 1))


def _clean(pattern: str) -> str:
    """A pattern as Go's filepath.Clean leaves it, relative to the context, with Go's `[^…]` written `[!…]`."""
    kept: list[str] = []
    for part in PurePosixPath("/" + pattern).parts[1:]:
        if part == "..":
            kept = kept[:-1]
        else:
            kept.append(part.replace("[^", "[!"))
    return "/".join(kept)
