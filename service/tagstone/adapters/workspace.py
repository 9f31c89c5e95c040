"""A run's workspace: a fresh copy of the code with the inputs laid over it, writable by any uid. What is in it after the
run has begun was written by strangers: nothing here follows a link.
"""

import errno
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from tagstone.domain.runs.run import HOME, TEMPORARY, RunSpec
from tagstone.errors import Invalid, Permanent, Temporary
from tagstone.ports import Storage

RESERVED = (HOME, TEMPORARY)
"""Folders of the run's own use in its workspace; never outputs."""

DEEPEST = 200
"""How many folders may lie in each other before it is taken for an attack."""

_BLOCK = 4096
_PIECE = 2**15  # what fits into a processor's nearest cache: larger ones cost half as much again


class Opens(Protocol):
    """Of Storage what workspaces are filled from."""

    def open(self, key: str) -> BinaryIO:
        """Open for reading. Raises: NotFound."""
        ...


def stage(folder: Path, spec: RunSpec, storage: Storage) -> None:
    """Fill `folder` (its parent is there, it is not) with the code and the inputs; half-filled it has another name.

    Raises:
        Invalid: the code or an input leaves the workspace, is no file or link, or wants a reserved name.
        NotFound: code or input are not in storage.
        Permanent: the code archive is damaged.
    """
    partial = folder.with_name(folder.name + ".partial")
    discard(partial)
    with _disk_errors():
        partial.mkdir()
        fill(partial, spec.code, spec.files, storage)
        partial.chmod(0o777)
        partial.rename(folder)


def fill(root: Path, code: str, files: Sequence[tuple[str, str]], storage: Opens) -> None:
    """Fill the empty folder `root` with the code and the inputs (paths in it and their keys), writable by any uid.

    Raises: as `stage`.
    """
    with _disk_errors():
        links = _extract(root, code, storage)
        for name, key in files:
            _lay(root, name, key, storage)
        # Before the links: one of this name would have the engine mount whatever it leads to on this machine.
        for name in RESERVED:
            _make_folder(root, PurePosixPath(name))
        for path, target in links:
            _link(root, path, target)
        _open_for_all(root)


def usage(folder: Path, limit: int) -> int:
    """Bytes on disk below `folder`, every entry as one block of 4 KiB at least; counting ends soon after `limit`.

    Folders that are nested too deeply or may not be read count as more than the limit: what lies below cannot be told.
    """
    try:
        return _usage(folder, limit)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG):
            raise Temporary(f"A workspace cannot be looked at: {error.strerror}.", delay=30.0) from error
        return limit + 1


def discard(folder: Path) -> None:
    """Remove a folder with all that a stranger left in it; nothing there is no error. Raises: Temporary."""
    if not os.path.lexists(folder):
        return
    # rm walks trees that are deeper than Python's recursion or a path's greatest length.
    if subprocess.run(["rm", "-rf", "--", folder], check=False, capture_output=True).returncode == 0:
        return
    subprocess.run(["chmod", "-R", "u+rwX", "--", folder], check=False, capture_output=True)
    done = subprocess.run(["rm", "-rf", "--", folder], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Temporary(f"A workspace could not be removed: {said[-1][:200] if said else 'rm failed'}.", delay=30.0)


def _usage(folder: Path, limit: int) -> int:
    total, several = 0, set()
    folders: list[tuple[str, int]] = [(str(folder), 0)]
    while folders and total <= limit:
        path, depth = folders.pop()
        if depth > DEEPEST:
            return limit + 1
        for info, name in _entries(path):
            if info.st_nlink > 1 and not _is_folder(info):
                if info.st_ino in several:
                    continue
                several.add(info.st_ino)
            total += max(info.st_blocks * 512, _BLOCK)
            if _is_folder(info):
                folders.append((f"{path}/{name}", depth + 1))
            if total > limit:
                break
    return total


def _extract(root: Path, key: str, storage: Opens) -> list[tuple[PurePosixPath, str]]:
    links = []
    try:
        with storage.open(key) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                path = _inside(member.name)
                if member.issym():
                    links.append((path, member.linkname))
                elif member.isdir():
                    _make_folder(root, path)
                elif member.isreg():
                    _write_member(root, path, archive, member)
                else:
                    raise Invalid(
                        f"{member.name!r} in the code is no file, folder or link.", remedy="Remove it from the repository."
                    )
    except tarfile.TarError as error:
        raise Permanent(f"The code archive is damaged: {error}.", remedy="`tagstone retry` makes it again.") from error
    return links


def _write_member(root: Path, path: PurePosixPath, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise Permanent(f"The code archive is damaged at {member.name!r}.", remedy="`tagstone retry` makes it again.")
    place = _place(root, path)
    with content, place.open("wb") as file:
        shutil.copyfileobj(content, file, 2**20)
    place.chmod(0o777 if member.mode & 0o100 else 0o666)
    os.utime(place, (member.mtime, member.mtime))


def _lay(root: Path, path: str, key: str, storage: Opens) -> None:
    place = _place(root, _inside(path))
    with storage.open(key) as content, place.open("wb", buffering=0) as file:
        _pour(content, file)
    place.chmod(0o666)


def _pour(content: BinaryIO, file: io.FileIO) -> None:
    """Copy by one buffer, since to make one for each piece would take longer than to copy it."""
    buffer = memoryview(bytearray(_PIECE))
    while count := cast("io.BufferedIOBase", content).readinto(buffer):
        left = buffer[:count]
        while left:
            left = left[file.write(left) :]


def _link(root: Path, path: PurePosixPath, target: str) -> None:
    # Links are made last: nothing was written through one. Where they lead matters only inside the run.
    try:
        _place(root, path).symlink_to(target)
    except FileExistsError:
        remedy = "Rename the link: the run needs this name." if path.name in RESERVED else "Give the input another place."
        raise Invalid(f"The link {str(path)!r} is where something else has to be.", remedy=remedy) from None


def _place(root: Path, path: PurePosixPath) -> Path:
    if not path.parts:
        raise Invalid("A file in the code has no name.", remedy="Publish the tag again.")
    _make_folder(root, path.parent)
    place = root / path
    if place.is_dir():
        raise Invalid(f"{str(path)!r} would be a file, but is a folder.", remedy="Give the input another place.")
    return place


def _make_folder(root: Path, path: PurePosixPath) -> None:
    try:
        (root / path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        remedy = "Rename it: the run needs this name for itself." if path.name in RESERVED else "Give the input another place."
        raise Invalid(f"{str(path)!r} has to be a folder, but is a file or link.", remedy=remedy) from None


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise Invalid(f"{name[:200]!r} leaves the workspace.", remedy="Use paths relative to the repository.")
    return path


def _open_for_all(root: Path) -> None:
    for folder, folders, _ in os.walk(root):
        for name in folders:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o777)


def _entries(path: str) -> Iterator[tuple[os.stat_result, str]]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    yield entry.stat(follow_symlinks=False), entry.name
                except FileNotFoundError:
                    continue  # it was removed between the two looks
    except (FileNotFoundError, NotADirectoryError):
        return


def _is_folder(info: os.stat_result) -> bool:
    return (info.st_mode & 0o170000) == 0o040000


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Temporary(f"A workspace could not be filled: {error.strerror}.", delay=30.0) from error
