"""Files of a bundle: found without ever leaving its folder, answered so that a browser runs none of them."""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fastapi.responses import FileResponse, StreamingResponse

from tagstone.bundle.files import SUMS, parse_checksum_list
from tagstone.errors import Invalid, NotFound
from tagstone.web.headers import FILE_HEADERS, PICTURE_HEADERS

# SVG can carry scripts: as an <img> it runs none, and opened by itself it is in a sandbox.
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp"}
PICTURES |= {".svg": "image/svg+xml"}
_CHUNK = 1 << 20
_BLOCK = 512


@dataclass(frozen=True)
class Listed:
    """A file of a bundle: `size` in bytes, `sha256` as SHA256SUMS says it (None for SHA256SUMS itself)."""

    path: str
    size: int
    sha256: str | None


def is_picture(path: str) -> bool:
    """Say whether browsers may show this file as an image."""
    return PurePosixPath(path).suffix.lower() in PICTURES


def find(folder: Path, path: str) -> Path:
    """The regular file at `path` below `folder`. Raises: NotFound, also for everything that would leave the folder."""
    missing = NotFound("This record has no such file.", remedy="The record's page lists its files.")
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise missing
    try:
        found = (folder / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise missing from None
    if not found.is_relative_to(folder.resolve()) or not found.is_file():
        raise missing
    return found


def answer(folder: Path, path: str) -> FileResponse:
    """One file, in ranges if asked so: pictures to be shown, everything else to be saved. Raises: NotFound."""
    found = find(folder, path)
    picture = PICTURES.get(PurePosixPath(path).suffix.lower())
    if picture:
        return FileResponse(found, headers=PICTURE_HEADERS, media_type=picture)
    name = PurePosixPath(path).name
    return FileResponse(found, headers=FILE_HEADERS, media_type="application/octet-stream", filename=name)


def listing(folder: Path) -> list[Listed]:
    """Every file of the bundle, sorted by path; a missing or broken SHA256SUMS leaves checksums out."""
    try:
        sums = parse_checksum_list((folder / SUMS).read_bytes())
    except (OSError, Invalid):
        sums = {}
    return [Listed(path, (folder / path).stat().st_size, sums.get(path)) for path in _paths(folder)]


def archive(folder: Path, name: str) -> StreamingResponse:
    """The whole bundle as a tar with one folder `name`, made while it is sent."""
    files = [(path, (folder / path).stat().st_size) for path in _paths(folder)]
    heads = [_head(f"{name}/{path}", size, executable=path.endswith(".sh")) for path, size in files]
    total = sum(len(head) + size + -size % _BLOCK for head, (_, size) in zip(heads, files, strict=True)) + 2 * _BLOCK

    def stream() -> Iterator[bytes]:
        for head, (path, size) in zip(heads, files, strict=True):
            yield head
            with (folder / path).open("rb") as opened:
                yield from iter(lambda: opened.read(_CHUNK), b"")  # used up before the next file
            yield bytes(-size % _BLOCK)
        yield bytes(2 * _BLOCK)

    headers = FILE_HEADERS | {"Content-Disposition": f'attachment; filename="{name}.tar"', "Content-Length": str(total)}
    return StreamingResponse(stream(), headers=headers, media_type="application/x-tar")


def _paths(folder: Path) -> list[str]:
    found = []
    for place, _, names in os.walk(folder):
        paths = (Path(place, name) for name in names)
        found += [path.relative_to(folder).as_posix() for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(found)


def _head(path: str, size: int, *, executable: bool) -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o755 if executable else 0o644
    return info.tobuf(tarfile.PAX_FORMAT)
