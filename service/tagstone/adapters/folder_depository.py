"""A depository in a folder: drafts, reserved test identifiers, files, publication, versions; for one machine and for trying.

    ROOT/lock                       flock of every change, across processes
    ROOT/deposits/ID/deposit.json   what the deposit is, and the checksum of each whole file; replaced atomically
    ROOT/deposits/ID/files/NAME     the files under their own names

A deposit's identifier is random: the lookup by publication, under the lock, is what keeps a lost answer from making two.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from tagstone.domain.deposits.deposit import Deposit, DepositFile, DepositMetadata, DepositState
from tagstone.domain.reading.paths import path_problem
from tagstone.errors import Conflict, Invalid, NotFound, Permanent, Temporary

PREFIX = "10.5072"  # DataCite's test prefix: nothing below it resolves
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHUNK = 2**20


@dataclass(frozen=True)
class _Entry:
    id: str
    series: str
    version_index: int
    metadata: DepositMetadata
    state: DepositState = DepositState.DRAFT
    files: dict[str, DepositFile] = field(default_factory=dict)
    tombstone: str = ""


_ENTRY: TypeAdapter[_Entry] = TypeAdapter(_Entry)


class FolderDepository:
    """Deposits below `root`; `url` is where people see them. It serves as Depository, DepositFiles and Curation."""

    name = "local"

    def __init__(self, root: Path, url: str) -> None:
        self._root = root
        self._url = url.rstrip("/")

    # Depository

    def draft(self, metadata: DepositMetadata, series: str | None, *, lost: bool = True) -> Deposit:  # noqa: ARG002 - looking is cheap
        """The publication's deposit; its test DOI is its from the beginning. Raises: Conflict, NotFound for an unknown series."""
        with self._change():
            entries = self._entries()
            own = [entry for entry in entries if entry.metadata.publication == metadata.publication]
            if own:
                return self._deposit(own[0])
            entry = _next_version(entries, metadata, series)
            self._make(entry)
            return self._deposit(entry)

    def reserve(self, deposit_id: str) -> Deposit:
        """The draft with its test DOI. Raises: NotFound, Conflict when published."""
        return self._deposit(_must_be_draft(self._read(deposit_id)))

    def describe(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the draft's metadata. Raises: NotFound, Conflict when published or when the publication has another."""
        with self._change():
            entry = _must_be_draft(self._read(deposit_id))
            if any(e.metadata.publication == metadata.publication and e.id != entry.id for e in self._entries()):
                raise Conflict(
                    f"{metadata.publication} has another deposit.", remedy="Go on with that one, or discard it first."
                )
            self._write(replace(entry, metadata=metadata))

    def publish(self, deposit_id: str) -> None:
        """Publish; nothing of it changes afterwards. Raises: NotFound, Conflict when published, Invalid without files."""
        with self._change():
            entry = _must_be_draft(self._read(deposit_id))
            if not entry.files:
                raise Invalid(f"The draft {deposit_id} has no files.", remedy="Upload the bundle first.")
            shutil.rmtree(self._folder(deposit_id) / "incoming", ignore_errors=True)
            self._write(replace(entry, state=DepositState.PUBLISHED))

    def find(self, deposit_id: str) -> Deposit:
        """The deposit as it stands; state `missing` when there is none."""
        try:
            return self._deposit(self._read(deposit_id))
        except NotFound:
            return Deposit(deposit_id, DepositState.MISSING, None, None, "", 0, "", registered=False)

    def discard(self, deposit_id: str) -> None:
        """Remove a draft; nothing there is no error. Raises: Conflict when published."""
        with self._change():
            try:
                _must_be_draft(self._read(deposit_id))
            except NotFound:
                return
            gone = self._root / f".discarded-{deposit_id}"
            self._folder(deposit_id).rename(gone)
            shutil.rmtree(gone)

    # DepositFiles

    def list(self, deposit_id: str) -> list[DepositFile]:
        """Files that are whole, sorted by name. Raises: NotFound."""
        return sorted(self._read(deposit_id).files.values(), key=lambda file: file.name)

    def carry_over(self, deposit_id: str) -> None:
        """Give a draft without files those of the version before, as further names of the same bytes."""
        with self._change():
            entry = _must_be_draft(self._read(deposit_id))
            earlier = [other for other in self._entries() if other.series == entry.series and other.id != entry.id]
            if entry.files or not earlier:
                return
            before = max(earlier, key=lambda other: other.version_index)
            folder = self._folder(deposit_id) / "files"
            shutil.rmtree(folder)
            shutil.copytree(self._folder(before.id) / "files", folder, copy_function=os.link)
            self._write(replace(entry, files=before.files))

    def upload(self, deposit_id: str, name: str, stream: BinaryIO, size: int) -> DepositFile:
        """Take one file, replacing what has its name. Raises: NotFound, Conflict when published, Invalid when cut off."""
        problem = path_problem(name)
        if problem:
            raise Invalid(f"The file name {name[:100]!r} {problem}.", remedy="Give it a plain relative name.")
        _must_be_draft(self._read(deposit_id))
        incoming = self._folder(deposit_id) / "incoming" / secrets.token_hex(8)
        try:
            with _trouble(name):
                file = DepositFile(name, size, f"sha256:{_receive(stream, incoming, size)}")
                with self._change():
                    self._take(deposit_id, file, incoming)
        finally:
            incoming.unlink(missing_ok=True)
        return file

    def delete(self, deposit_id: str, name: str) -> None:
        """Remove a file from a draft; nothing there is no error. Raises: NotFound, Conflict when published."""
        with self._change():
            entry = _must_be_draft(self._read(deposit_id))
            if name in entry.files:
                self._write(_without(entry, name))
                self._path(deposit_id, name).unlink(missing_ok=True)

    def open(self, deposit_id: str, name: str) -> BinaryIO:
        """Read a file of a draft or record. Raises: NotFound."""
        if name not in self._read(deposit_id).files:
            raise NotFound(f"{deposit_id} has no file {name[:100]!r}.", remedy="List its files.")
        try:
            return self._path(deposit_id, name).open("rb")
        except OSError:
            raise NotFound(
                f"{name!r} of {deposit_id} was removed behind our back.", remedy="Take it from the bundle."
            ) from None

    # Curation

    def faults(self, metadata: DepositMetadata) -> tuple[str, ...]:
        """What would be refused: there are no communities here."""
        return (f"The local depository has no community {metadata.community}.",) if metadata.community else ()

    def latest(self, identifier: str) -> Deposit | None:
        """The newest record of a series, by its identifier or concept DOI."""
        series = identifier.removeprefix(f"{PREFIX}/tagstone.")
        found = [entry for entry in self._entries() if entry.series == series and entry.state is DepositState.PUBLISHED]
        return self._deposit(max(found, key=lambda entry: entry.version_index)) if found else None

    def submit(self, deposit_id: str, community: str) -> None:
        """There are no communities here. Raises: Invalid."""
        raise Invalid(
            f"The local depository has no community {community}, which {deposit_id} was meant for.",
            remedy="Remove `community` from the manifest.",
        )

    def amend(self, deposit_id: str, metadata: DepositMetadata) -> None:
        """Replace the metadata of a record. Raises: NotFound, Conflict for a draft."""
        with self._change():
            self._write(replace(_must_be_record(self._read(deposit_id)), metadata=metadata))

    def withdraw(self, deposit_id: str, reason: str) -> None:
        """Put a tombstone in a record's place: its files are gone. Raises: NotFound, Conflict for a draft."""
        with self._change():
            entry = self._read(deposit_id)
            if entry.state is not DepositState.WITHDRAWN:
                entry = _must_be_record(entry)
            self._write(replace(entry, state=DepositState.WITHDRAWN, files={}, tombstone=reason))
            shutil.rmtree(self._folder(deposit_id) / "files", ignore_errors=True)

    def share(self, deposit_id: str, address: str) -> bool:  # noqa: ARG002
        """There are no accounts here to share with."""
        return False

    def _take(self, deposit_id: str, file: DepositFile, incoming: Path) -> None:
        """Put a received file in place. It is struck off the list first: a kill leaves it unlisted, never listed wrongly."""
        entry = _without(_must_be_draft(self._read(deposit_id)), file.name)
        self._write(entry)
        target = self._path(deposit_id, file.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        incoming.replace(target)
        self._write(replace(entry, files=entry.files | {file.name: file}))

    def _make(self, entry: _Entry) -> None:
        made = self._root / f".new-{entry.id}"
        (made / "files").mkdir(parents=True)
        _replace_text(made / "deposit.json", _text(entry))
        made.rename(self._folder(entry.id))

    def _write(self, entry: _Entry) -> None:
        _replace_text(self._folder(entry.id) / "deposit.json", _text(entry))

    def _read(self, deposit_id: str) -> _Entry:
        if not deposit_id or any(character not in _ALPHABET for character in deposit_id):
            raise NotFound(
                f"There is no deposit {deposit_id[:40]!r}.", remedy="Ask for an identifier that this depository gave."
            )
        try:
            return _ENTRY.validate_json((self._folder(deposit_id) / "deposit.json").read_bytes())
        except FileNotFoundError:
            raise NotFound(f"There is no deposit {deposit_id}.", remedy="Begin a new draft.") from None
        except (ValidationError, OSError) as error:
            raise Permanent(f"The deposit {deposit_id} cannot be read: {error}.", remedy="Restore it from a backup.") from None

    def _entries(self) -> tuple[_Entry, ...]:
        return tuple(self._read(path.name) for path in sorted((self._root / "deposits").iterdir()))

    def _folder(self, deposit_id: str) -> Path:
        return self._root / "deposits" / deposit_id

    def _path(self, deposit_id: str, name: str) -> Path:
        return self._folder(deposit_id) / "files" / name

    def _deposit(self, entry: _Entry) -> Deposit:
        return Deposit(
            id=entry.id,
            state=entry.state,
            doi=f"{PREFIX}/tagstone.{entry.id}",
            concept_doi=f"{PREFIX}/tagstone.{entry.series}",
            series=entry.series,
            version_index=entry.version_index,
            url=f"{self._url}/{entry.id}",
            registered=False,
        )

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One change at a time, across processes; the lock dies with its holder, whose half-made folders are swept away."""
        with _trouble("the depository"):
            (self._root / "deposits").mkdir(parents=True, exist_ok=True)
            with (self._root / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for litter in (*self._root.glob(".new-*"), *self._root.glob(".discarded-*")):
                    shutil.rmtree(litter, ignore_errors=True)
                yield


def _next_version(entries: Sequence[_Entry], metadata: DepositMetadata, series: str | None) -> _Entry:
    fresh = _fresh({name for entry in entries for name in (entry.id, entry.series)})
    if series is None:
        return _Entry(fresh[0], fresh[1], 1, metadata)
    earlier = [entry for entry in entries if entry.series == series]
    if not earlier:
        raise NotFound(f"There is no series {series[:40]!r} here.", remedy="Begin a new series.")
    unpublished = [entry for entry in earlier if entry.state is DepositState.DRAFT]
    if unpublished:
        raise Conflict(
            f"The series has the draft {unpublished[0].id} of {unpublished[0].metadata.publication} already.",
            remedy="Publish or discard it first: one version is made after the other.",
        )
    return _Entry(fresh[0], series, max(entry.version_index for entry in earlier) + 1, metadata)


def _fresh(taken: set[str]) -> list[str]:
    """Two identifiers that nobody has: ten characters without look-alikes."""
    found: list[str] = []
    while len(found) < 2:
        candidate = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        if candidate not in taken:
            found.append(candidate)
    return found


def _must_be_draft(entry: _Entry) -> _Entry:
    if entry.state is not DepositState.DRAFT:
        raise Conflict(f"{entry.id} is published: nothing of it changes any more.", remedy="Publish a new version.")
    return entry


def _must_be_record(entry: _Entry) -> _Entry:
    if entry.state is not DepositState.PUBLISHED:
        raise Conflict(f"{entry.id} is no published record: it is {entry.state}.", remedy="Look at it with `tagstone show`.")
    return entry


def _without(entry: _Entry, name: str) -> _Entry:
    return replace(entry, files={key: file for key, file in entry.files.items() if key != name})


def _receive(stream: BinaryIO, target: Path, size: int) -> str:
    """Write the stream to `target` and return its sha256. Raises: Invalid when it is not `size` bytes long."""
    sha256, received = hashlib.sha256(), 0
    target.parent.mkdir(exist_ok=True)
    with target.open("xb") as sink:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
            received += len(chunk)
            sink.write(chunk)
        sink.flush()
        os.fsync(sink.fileno())
    if received != size:
        raise Invalid(f"{size} bytes were announced and {received} came.", remedy="Send the file again.")
    return sha256.hexdigest()


def _text(entry: _Entry) -> str:
    return json.dumps(asdict(entry), indent=1, sort_keys=True) + "\n"


def _replace_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}")
    with partial.open("w", encoding="utf-8") as sink:
        sink.write(text)
        sink.flush()
        os.fsync(sink.fileno())
    partial.replace(path)


@contextmanager
def _trouble(what: str) -> Iterator[None]:
    """Turn the disk's errors into ours."""
    try:
        yield
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise Invalid(f"{what}: a file and a folder of one name.", remedy="Rename one of them.") from error
    except OSError as error:
        raise Temporary(
            f"{what} could not be written: {error.strerror}.", remedy="Look at space and rights of the disk."
        ) from error
