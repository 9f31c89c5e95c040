"""Hostile archives by name: image layers."""

import io
import tarfile

from assets.hostile.texts import CANARY


class Tape:
    """A tar archive as it is written, with any name, kind and size: nothing is checked."""

    def __init__(self) -> None:
        self._out = io.BytesIO()

    def add(self, name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", **fields: int) -> "Tape":
        """Add one entry; `fields` are those of TarInfo."""
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(content)
        for field, value in fields.items():
            setattr(info, field, value)
        self._out.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        self._out.write(content + bytes(-len(content) % 512))
        return self

    def done(self) -> bytes:
        """The archive with its end mark."""
        return self._out.getvalue() + bytes(1024)


def header(name: str, size: int, *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The header of one entry alone."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def layers() -> dict[str, bytes]:
    """Image layers by name: plain tar archives."""
    folder, link, hard = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
    sound = Tape().add("etc", kind=folder).add("etc/motd", b"hello\n").done()
    huge = tarfile.TarInfo("a")
    huge.size = 2**40
    return {
        "sound": sound,
        "absolute-path": Tape().add("/etc/passwd", b"x").done(),
        "climbing-path": Tape().add("a/../../../etc/passwd", b"x").done(),
        "climbing-that-stays": Tape().add("a/../b", b"x").done(),
        "nul-in-name": Tape().add("a" * 101 + "\0b", b"x").done(),
        "whiteout-of-the-parent": Tape().add("a/.wh...", b"").done(),
        "whiteout-of-nothing": Tape().add("a/.wh.", b"").done(),
        "whiteout-outside": Tape().add("../.wh.x", b"").done(),
        "whiteout-of-itself": Tape().add(".wh..", b"").done(),
        "hard-link-absolute": Tape().add("a", kind=hard, link="/etc/passwd").done(),
        "hard-link-climbing": Tape().add("a", kind=hard, link="../../etc/passwd").done(),
        "hard-link-to-nothing": Tape().add("a", kind=hard, link="b").done(),
        "hard-link-to-a-folder": Tape().add("d", kind=folder).add("a", kind=hard, link="d").done(),
        "hard-link-to-itself": Tape().add("a", kind=hard, link="a").done(),
        "link-without-target": Tape().add("a", kind=link, link="").done(),
        "file-through-a-link": Tape().add("etc", kind=link, link="/etc").add("etc/passwd", b"x").done(),
        "file-below-a-file": Tape().add("a", b"x").add("a/b", b"x").done(),
        "file-and-folder": Tape().add("a", b"x").add("a", kind=folder).done(),
        "block-device": Tape().add("sda", kind=tarfile.BLKTYPE, devmajor=8).done(),
        "character-device-climbing": Tape().add("dev/../mem", kind=tarfile.CHRTYPE, devmajor=1, devminor=1).done(),
        "unknown-kind": Tape().add("a", kind=b"Z").done(),
        "owner-beyond-32-bits": Tape().add("a", b"x", uid=2**32).done(),
        "size-that-is-not-there": huge.tobuf(tarfile.PAX_FORMAT),
        "negative-size": _patched_size(b"-0000000001\0"),
        "size-in-base-256": _patched_size(b"\x80" + b"\xff" * 11),
        "bad-checksum": sound.replace(b"ustar", b"uxtar", 1),
        "cut-short": sound[:1200],
        "no-archive": b"#!/bin/sh\ntouch " + CANARY.encode() + b"\n" + b" " * 1000,
        "sparse": _sparse_header(),
    }


def _patched_size(size: bytes) -> bytes:
    """A header whose size field is these 12 bytes, with its checksum mended."""
    head = bytearray(Tape().add("a", b"").done())
    head[124:136] = size
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    return bytes(head)


def _sparse_header() -> bytes:
    head = bytearray(Tape().add("a", b"", kind=tarfile.GNUTYPE_SPARSE).done())
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    return bytes(head)


def layer_with_long_name() -> bytes:
    """A layer whose only name has more than a megabyte."""
    return Tape().add("a/" * 700_000 + "b", b"x").done()
