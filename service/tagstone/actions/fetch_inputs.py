"""Fetch a manifest's inputs once, and keep them by checksum."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagstone.actions.partial_download import PartialDownload, partial_download
from tagstone.domain.manifests.sections import Input
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.record import InputFacts
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Invalid, Permanent
from tagstone.ports import Clock, Downloads, Storage, Stored

_OFTEN = 2.0  # seconds between the first lines of progress
_SELDOM = 30.0


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Fetching:
    """What fetching needs: who fetches, where it is kept, and whom to tell.

    `scratch` holds what came of broken downloads, `folder` is where relative paths begin, `tell` is handed lines of
    progress, and `heed` is called often: whatever it raises ends the download, and what came is kept.
    """

    downloads: Downloads
    storage: Storage
    clock: Clock
    scratch: Path
    folder: str = ""
    tell: Callable[[str], None] = lambda _line: None
    heed: Callable[[], None] = _nothing


def fetch_inputs(fetching: Fetching, inputs: Sequence[Input], policy: Policy) -> tuple[InputFacts, ...]:
    """Every input in storage under its checksum; what is there already is not fetched again.

    Raises:
        Invalid: an input's bytes are not those that the manifest promises, or it promises none.
        Forbidden, NotFound, Permanent, Temporary: what its source answered.
    """
    return tuple(_fetched(fetching, item, policy) for item in inputs)


def _fetched(fetching: Fetching, item: Input, policy: Policy) -> InputFacts:
    if item.sha256 is None:
        raise Invalid(f"The input {item.to} has no sha256.", remedy="`tagstone check --fix` fetches it and writes it.")
    key, size = keep_input(fetching, item.source, item.to, item.sha256)
    copied = item.doi is None and item.licence is not None and size <= policy.copied_input_bytes
    return InputFacts(item.source, item.to, size, item.sha256, key, doi=item.doi, licence=item.licence, copied=copied)


def keep_input(fetching: Fetching, source: str, name: str, sha256: str) -> tuple[str, int]:
    """Storage key and size (bytes) of a source's file, fetched when it is not there; `name` is what people call it.

    Raises:
        Invalid: its bytes have another checksum.
        Forbidden, NotFound, Permanent, Temporary: what its source answered.
    """
    key = f"sha256/{sha256[:2]}/{sha256}"
    size = fetching.storage.size(key)
    if size is not None:
        return key, size
    with partial_download(fetching.scratch / "inputs", _identity(fetching, source), fetching.heed) as partial:
        size = fetching.storage.size(key)  # another process may have fetched it while we waited
        if size is not None:
            return key, size
        kept = _kept(fetching, source, name, partial, sha256)
    fetching.tell(f"{name}: {format_bytes(kept.size)}, with the promised checksum")
    return kept.key, kept.size


def measure_input(fetching: Fetching, source: str, name: str) -> tuple[int, str]:
    """Size (bytes) and sha256 of a source's file; it is kept in storage, so that publishing need not fetch it again.

    Raises:
        Forbidden, NotFound, Invalid, Permanent, Temporary: what its source answered.
    """
    with partial_download(fetching.scratch / "inputs", _identity(fetching, source), fetching.heed) as partial:
        kept = _kept(fetching, source, name, partial, None)
    return kept.size, kept.sha256


def _identity(fetching: Fetching, source: str) -> str:
    """What tells one source from another: relative paths of two repositories are two."""
    return source if ":" in source.partition("/")[0] or source.startswith("/") else f"{fetching.folder}\0{source}"


def _kept(fetching: Fetching, source: str, name: str, partial: PartialDownload, sha256: str | None) -> Stored:
    """Let the partial download become whole and keep it; what was no beginning of the right file is fetched anew."""
    while True:
        resumed, md5 = _continue(fetching, source, name, partial)
        try:
            kept = fetching.storage.keep(_verified(partial.pieces(), name, sha256, md5))
        except (Invalid, Permanent):
            partial.forget()
            if not resumed:
                raise
        else:
            partial.forget()
            return kept


def _continue(fetching: Fetching, source: str, name: str, partial: PartialDownload) -> tuple[bool, str]:
    """Fetch what is missing; whether something was there, and the md5 that the source tells."""
    with fetching.downloads.fetch(source, folder=fetching.folder, after=partial.size, mark=partial.mark) as download:
        partial.begin(download)
        progress = _Progress(fetching, name, download.total)
        progress.begun(download.start)
        for piece in download.pieces:
            partial.add(piece)
            progress.came(len(piece))
        if download.total is not None and partial.size != download.total:
            partial.forget()
            raise Permanent(
                f"{name} has {partial.size} bytes; its source says {download.total}.", remedy="Ask those who keep the file."
            )
        return download.start > 0, download.md5


class _Progress:
    """Tells how far a download is: soon at first, then ever less often."""

    def __init__(self, fetching: Fetching, name: str, total: int | None) -> None:
        self._fetching = fetching
        self._name = name
        self._total = total
        self._size = 0
        self._pause = _OFTEN
        self._looked = self._told = fetching.clock.now()

    def begun(self, start: int) -> None:
        """Tell that bytes will come behind the first `start`."""
        self._size = start
        whole = f" ({format_bytes(self._total)})" if self._total is not None else ""
        again = f", going on after {format_bytes(start)}" if start else ""
        self._fetching.tell(f"{self._name}: fetching{whole}{again}")

    def came(self, size: int) -> None:
        """Count, and tell when it is time."""
        self._size += size
        now = self._fetching.clock.now()
        if now - self._looked >= 1.0:
            self._looked = now
            self._fetching.heed()
        if now - self._told >= self._pause:
            self._told, self._pause = now, min(self._pause * 1.5, _SELDOM)
            percent = f" of {format_bytes(self._total)} ({100 * self._size // self._total} %)" if self._total else ""
            self._fetching.tell(f"{self._name}: {format_bytes(self._size)}{percent}")


def _verified(pieces: Iterable[bytes], name: str, sha256: str | None, md5: str) -> Iterator[bytes]:
    """The pieces, with an error instead of the end when they are not what was promised: so storage keeps nothing."""
    ours, theirs = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        ours.update(piece)
        if md5:
            theirs.update(piece)
        yield piece
    if sha256 is not None and ours.hexdigest() != sha256:
        raise Invalid(
            f"The input {name} has another checksum than the manifest says: {ours.hexdigest()}.",
            remedy="Look whether the file changed; if this is the right one, write its new sha256 into the manifest.",
        )
    if md5 and theirs.hexdigest() != md5:
        raise Permanent(
            f"The input {name} came with another md5 than its record says.",
            remedy="Publish again; if it stays so, tell those who keep the record.",
        )
