"""Filling a deposit and publishing it: files already there are skipped, every checksum is compared, publishing is asked once."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from tagstone.domain.archived import Archived
from tagstone.domain.deposit import Deposit, DepositFile, DepositState
from tagstone.errors import NotFound, Permanent, TagstoneError, Temporary
from tagstone.ports import DepositFiles, Depository


def deposit_files(
    files: DepositFiles, deposit_id: str, bundle: Sequence[Archived], opened: Callable[[str], BinaryIO]
) -> Iterator[DepositFile]:
    """Make the draft hold exactly the bundle's files; yields each as it is there, so that the caller can count and stop.

    `opened` opens a file of the bundle by its path.

    Raises:
        Temporary: what arrived is not what was sent.
    """
    there = {file.name: file for file in files.list(deposit_id)}
    for name in sorted(there.keys() - {file.path for file in bundle}):
        files.delete(deposit_id, name)
    for file in bundle:
        found = there.get(file.path)
        if found is not None and not matches(found, file):
            files.delete(deposit_id, file.path)
            found = None
        if found is None:
            found = _send(files, deposit_id, file, opened)
        yield found


def _send(files: DepositFiles, deposit_id: str, file: Archived, opened: Callable[[str], BinaryIO]) -> DepositFile:
    with opened(file.path) as stream:
        sent = files.upload(deposit_id, file.path, stream, file.size)
    if not matches(sent, file):
        files.delete(deposit_id, file.path)
        raise Temporary(f"{file.path} did not arrive as it was sent.")
    return sent


def matches(found: DepositFile, sent: Archived) -> bool:
    """Say whether the depository's size and checksum are those of the file that was sent."""
    algorithm, _, digest = found.checksum.partition(":")
    expected = {"md5": sent.md5, "sha256": sent.sha256}.get(algorithm)
    return found.size == sent.size and digest == expected


def publish_once(depository: Depository, deposit_id: str) -> Deposit:
    """Ask for publication unless it is published already, then look; a lost answer is no second question.

    Raises:
        NotFound: there is no such deposit.
        Temporary: it is not published yet; call again to look, then ask.
        Permanent, Conflict, Invalid: the depository refused.
    """
    deposit = depository.find(deposit_id)
    if deposit.state is DepositState.MISSING:
        raise NotFound(f"The draft {deposit_id} is gone.", remedy="Retry the publication: it gets a new draft and identifier.")
    if deposit.state is DepositState.PUBLISHED:
        return deposit
    refusal: TagstoneError | None = None
    try:
        depository.publish(deposit_id)
    except TagstoneError as error:  # any answer may be wrong: a 404 or 500 was seen on publications that had happened
        refusal = error
    deposit = depository.find(deposit_id)
    if deposit.state is DepositState.PUBLISHED:
        return deposit
    if refusal is not None:
        raise refusal
    raise Temporary(f"The depository has not published {deposit_id} yet.")


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
