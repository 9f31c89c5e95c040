"""Compare two publications: what was recorded of both, and the files of their code archives."""

import hashlib
import tarfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from tagstone.domain.publications.difference import CodeDifference, CodeFile, Difference, difference
from tagstone.domain.publications.record import Facts
from tagstone.errors import Invalid, NotFound
from tagstone.ports import Storage

_PIECE = 2**20
_TEXT_BYTES = 2**20
_ENTRIES = 200_000

OpenCode = Callable[[Facts], BinaryIO]
"""Opens the code archive of a publication (tar, seekable). Raises: NotFound."""


def diff(before: Facts, after: Facts, open_before: OpenCode, open_after: OpenCode) -> Difference:
    """What changed from `before` to `after`. Raises: Invalid when an archive is broken."""
    if before.source.archive_sha256 == after.source.archive_sha256:
        return difference(before, after, CodeDifference({}, {}, {}))
    with ExitStack() as stack:
        try:
            old, new = (_archive(stack, opened(facts)) for facts, opened in ((before, open_before), (after, open_after)))
        except NotFound:
            return difference(before, after, CodeDifference(None, None, {}))
        try:
            return difference(before, after, _compared(old, new))
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise _broken() from error


def stored_code(storage: Storage) -> OpenCode:
    """The archive as storage has it."""
    return lambda facts: storage.open(facts.source.archive_key)


def bundled_code(folder: Path) -> OpenCode:
    """The archive in a bundle's folder."""

    def opened(_facts: Facts) -> BinaryIO:
        try:
            return (folder / "code.tar").open("rb")
        except OSError:
            raise NotFound(f"{folder} has no code.tar.", remedy="Take a whole bundle.") from None

    return opened


def _archive(stack: ExitStack, stream: BinaryIO) -> tarfile.TarFile:
    stack.enter_context(stream)
    try:
        # Uncompressed only: a few bytes of a compressed one can stand for gigabytes.
        return stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise _broken() from error


def _broken() -> Invalid:
    return Invalid("A code archive is no sound tar.", remedy="`tagstone verify` says whether the bundle is intact.")


def _compared(old: tarfile.TarFile, new: tarfile.TarFile) -> CodeDifference:
    before, after = _files(old), _files(new)
    lines: dict[str, tuple[int, int]] = {}
    for path in before.keys() & after.keys():
        one, other = before[path], after[path]
        if one.content != other.content and one.kind == other.kind == "file":
            counted = _lines(old, new, path) if max(one.size, other.size) <= _TEXT_BYTES else None
            if counted is not None:
                lines[path] = counted
    return CodeDifference(before, after, lines)


def _files(tar: tarfile.TarFile) -> dict[str, CodeFile]:
    found = {}
    for number, member in enumerate(tar):
        if number == _ENTRIES or member.issparse():
            raise _broken()
        if member.isfile():
            found[member.name] = CodeFile("file", member.size, _sha256(tar, member), bool(member.mode & 0o100))
        elif member.issym():
            found[member.name] = CodeFile("link", 0, member.linkname)
    return found


def _sha256(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    digest, stream = hashlib.sha256(), tar.extractfile(member)
    while stream is not None and (piece := stream.read(_PIECE)):
        digest.update(piece)
    return digest.hexdigest()


def _lines(old: tarfile.TarFile, new: tarfile.TarFile, path: str) -> tuple[int, int] | None:
    """How many lines came and went, those that only moved not counted; None for what is no text."""
    before, after = (_content(tar, path) for tar in (old, new))
    if b"\0" in before or b"\0" in after:
        return None
    had, has = Counter(before.splitlines()), Counter(after.splitlines())
    return (has - had).total(), (had - has).total()


def _content(tar: tarfile.TarFile, path: str) -> bytes:
    stream = tar.extractfile(path)
    return stream.read(_TEXT_BYTES) if stream else b""
