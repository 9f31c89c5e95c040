"""Filling a deposit: what is there already is not sent, what is new is journalled first, and every checksum is compared."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from tagstone.actions.journal import Journal
from tagstone.domain.deposits.deposit import Deposit, DepositFile, DepositState
from tagstone.domain.publications.archived import Archived
from tagstone.errors import Away, Permanent, Temporary
from tagstone.ports import DepositFiles, Depository
from tagstone.store import asked

_TRIES = 3
_FIRST = "README.md"
"""Sent before all others: where nothing else was said, a depository shows people the first file."""


def carry_over(files: DepositFiles, journal: Journal, deposit: Deposit) -> None:
    """Begin a later version with the files of the one before, once. Raises: Temporary."""
    before = journal.find(asked.CARRY)
    if deposit.version_index < 2 or (before is not None and before.answer is not None):
        return
    journal.ask(asked.CARRY)
    files.carry_over(deposit.id)
    journal.answer(asked.CARRY, "done")


def deposit_files(
    files: DepositFiles,
    deposit_id: str,
    bundle: Sequence[Archived],
    opened: Callable[[str], BinaryIO],
    intend: Callable[[Sequence[Archived]], None] = lambda _wanted: None,
) -> Iterator[DepositFile]:
    """Make the draft hold exactly the bundle's files; yields each as it is there, so that the caller can count and stop.

    `opened` opens a file of the bundle by its path; `intend` is told which files will be sent before the first one is.

    Raises:
        Temporary: what arrived is not what was sent, or nothing did, again and again.
    """
    there = {file.name: file for file in files.list(deposit_id)}
    kept = [file for file in bundle if file.path in there and matches(there[file.path], file)]
    for name in sorted(there.keys() - {file.path for file in kept}):
        files.delete(deposit_id, name)
    known = {file.path for file in kept}
    wanted = sorted((file for file in bundle if file.path not in known), key=lambda file: file.path != _FIRST)
    intend(wanted)
    yield from (there[file.path] for file in kept)
    for file in wanted:
        yield _send(files, deposit_id, file, opened)


def _send(files: DepositFiles, deposit_id: str, file: Archived, opened: Callable[[str], BinaryIO]) -> DepositFile:
    """Send one file, again when the connection broke; one whose answer alone was lost is found in the draft."""
    for left in reversed(range(_TRIES)):
        try:
            with opened(file.path) as stream:
                sent = files.upload(deposit_id, file.path, stream, file.size)
        except Away:
            raise
        except Temporary:
            found = next((one for one in files.list(deposit_id) if one.name == file.path), None)
            if found is not None and matches(found, file):
                return found
            if not left:
                raise
            continue
        if matches(sent, file):
            return sent
        files.delete(deposit_id, file.path)
    raise Temporary(f"{file.path} did not arrive as it was sent.")


def matches(found: DepositFile, sent: Archived) -> bool:
    """Say whether the depository's size and checksum are those of the file that was sent."""
    algorithm, _, digest = found.checksum.partition(":")
    expected = {"md5": sent.md5, "sha256": sent.sha256}.get(algorithm)
    return found.size == sent.size and digest == expected


def confirm(depository: Depository, files: DepositFiles, deposit_id: str, bundle: Sequence[Archived]) -> Deposit:
    """Look once more: published, and holding exactly what was sent by the depository's own checksums.

    Raises:
        Permanent: it holds something else.
        Temporary: it is not published.
    """
    deposit = depository.find(deposit_id)
    if deposit.state is not DepositState.PUBLISHED:
        raise Temporary(f"{deposit_id} is not published yet.")
    there = {file.name: file for file in files.list(deposit_id)}
    wrong = [file.path for file in bundle if file.path not in there or not matches(there[file.path], file)]
    wrong += sorted(there.keys() - {file.path for file in bundle})
    if wrong:
        raise Permanent(
            f"The record {deposit.doi} does not hold what was sent: {', '.join(wrong[:5])}.",
            remedy="Tell the depository; `tagstone verify` names every file.",
        )
    return deposit
