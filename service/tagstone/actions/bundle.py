"""Writing a bundle: every file streamed once, with both checksums, into a folder that is whole or not there."""

import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tagstone.bundle.contents import bundle_files
from tagstone.bundle.files import BundleFile, InRegistry, InStorage
from tagstone.domain.deposits.deposit import DepositMetadata
from tagstone.domain.publications.archived import Archived
from tagstone.domain.publications.record import Facts
from tagstone.errors import Permanent, Temporary
from tagstone.ports import Registry, Storage

# Large enough that handing pieces to two threads costs nothing, small enough that memory stays small.
_CHUNK = 4 * 2**20


def write_bundle(
    facts: Facts, metadata: DepositMetadata, citation: str, registry: Registry, storage: Storage, folder: Path
) -> list[Archived]:
    """Write the bundle to `folder`, or adopt it when it is there and whole; sorted by path.

    `citation` is the text of its CITATION.cff.

    Raises:
        Permanent: stored bytes are not the recorded ones, or there is no finished run.
        Temporary: another process writes it now, or the disk is in trouble.
    """
    image = facts.image
    if image is None:
        raise Permanent("There is no image to bundle yet.", remedy="Bundle after the image was built.")
    files = bundle_files(facts, metadata, citation, registry.manifest(image.image.name, image.image.digest))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder) as partial, ThreadPoolExecutor(2, thread_name_prefix="checksum") as pool:
            return _adopt(folder, files, pool) or _write(folder, partial, files, pool, registry, storage)
    except OSError as error:
        raise Temporary(
            f"The bundle could not be written: {error.strerror}.", remedy="Look at space and rights of the disk."
        ) from error


@contextmanager
def _lock(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` for one writer at a time; the lock dies with its holder, what it left is removed."""
    partial = folder.with_name(f".{folder.name}.partial")
    lock = os.open(folder.with_name(f".{folder.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Temporary(f"Another process writes the bundle {folder.name} now.") from None
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _write(
    folder: Path, partial: Path, files: Sequence[BundleFile], pool: Executor, registry: Registry, storage: Storage
) -> list[Archived]:
    archived = []
    for file in files:
        target = partial / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with _source(file, registry, storage) as source, target.open("wb") as sink:
            archived.append(_copied(file, source, sink, pool))
        target.chmod(0o755 if file.executable else 0o644)
    replaced = folder.with_name(f".{folder.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if folder.exists():  # an incomplete one
        folder.rename(replaced)
    partial.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)
    return archived


def _source(file: BundleFile, registry: Registry, storage: Storage) -> BinaryIO:
    match file.source:
        case InStorage(key):
            return storage.open(key)
        case InRegistry(name, digest):
            return registry.blob(name, digest)
        case data:
            return io.BytesIO(data)


def _copied(file: BundleFile, source: BinaryIO, sink: BinaryIO | None, pool: Executor) -> Archived:
    """Copy one file, taking both checksums on the way. Raises: Permanent when it is not what was recorded.

    Each checksum has a thread of its own (hashlib lets others work meanwhile) while this one reads and writes; a file of
    one piece is not worth that.
    """
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    under_way: list[Future[None]] = []
    while chunk := source.read(_CHUNK):
        wait(under_way)
        if size == 0 and len(chunk) < _CHUNK:
            sha256.update(chunk)
            md5.update(chunk)
        else:
            under_way = [pool.submit(sha256.update, chunk), pool.submit(md5.update, chunk)]
        size += len(chunk)
        if sink is not None:
            sink.write(chunk)
    wait(under_way)
    if (size, sha256.hexdigest()) != (file.size, file.sha256):
        raise Permanent(
            f"The stored bytes of {file.path} are not the recorded ones.",
            remedy="The store is damaged: run the publication again.",
        )
    return Archived(file.path, size, file.sha256, md5.hexdigest())


def _adopt(folder: Path, files: Sequence[BundleFile], pool: Executor) -> list[Archived]:
    """The bundle that is there, when it is whole and holds nothing else; empty otherwise."""
    if not folder.is_dir():
        return []
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    if there != {file.path for file in files}:
        return []
    try:
        archived = []
        for file in files:
            with (folder / file.path).open("rb") as source:
                archived.append(_copied(file, source, None, pool))
    except Permanent:
        return []
    return archived
