"""Trees as tests write them, and tar streams of them as engines would hand them over."""

import io
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Thing:
    """A path of a tree; equal `inode` (above 0) means hard-linked."""

    path: str
    kind: str = "file"
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    link: str = ""
    inode: int = 0
    capability: bytes = b""


_TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
}


def pack(things: Sequence[Thing], *, mtime: int = 1, prefix: str = "", compress: str = "") -> io.BytesIO:
    """A tar stream of the things in their order, written by the standard library; later names of an inode become links."""
    out = io.BytesIO()
    first: dict[int, str] = {}
    with tarfile.open(fileobj=out, mode=f"w:{compress}", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for thing in things:
            info = tarfile.TarInfo(prefix + thing.path)
            info.type, info.mode, info.uid, info.mtime, info.linkname = (
                _TYPES[thing.kind],
                thing.mode,
                thing.uid,
                mtime,
                thing.link,
            )
            if thing.capability:
                info.pax_headers = {"SCHILY.xattr.security.capability": thing.capability.decode("utf-8", "surrogateescape")}
            if thing.inode and first.setdefault(thing.inode, thing.path) != thing.path:
                info.type, info.linkname = tarfile.LNKTYPE, prefix + first[thing.inode]
            info.size = len(thing.content) if info.type == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(thing.content))
    out.seek(0)
    return out


@pytest.fixture(scope="session")
def thing() -> type[Thing]:
    return Thing


@pytest.fixture(scope="session")
def packed() -> Callable[..., io.BytesIO]:
    return pack
