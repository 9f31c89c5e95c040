import hashlib
import io
import tarfile

import pytest

from tagstone.errors import Invalid
from tagstone.image.tar import Kind, TarEntry, write_tar

CAPABILITY = b"\x01\x00\x00\x02\x00\xff\x00\x00\n=\x00"


def entries() -> list[TarEntry]:
    return [
        TarEntry("a", Kind.DIRECTORY, 0o755),
        TarEntry(
            "a/" + "long/" * 60 + "name",
            Kind.FILE,
            0o4755,
            3_000_000,
            5,
            3,
            xattrs=(("security.capability", CAPABILITY),),
            chunks=lambda: [b"ab", b"c"],
        ),
        TarEntry("b", Kind.SYMLINK, 0o777, linkname="a/ü"),
        TarEntry("c", Kind.HARDLINK, linkname="b"),
        TarEntry("r\udcff", Kind.FIFO),
    ]


def test_the_bytes_are_these_for_ever():
    out = io.BytesIO()
    digest, size = write_tar(entries(), out, 315532800)
    assert size == len(out.getvalue())
    assert digest == "sha256:" + hashlib.sha256(out.getvalue()).hexdigest()
    assert digest == "sha256:8b986f8bebc1b64258b071eae1f2a95da3ef6cb4bbb78be22618978768ae8a36"


def test_others_read_back_what_was_written():
    out = io.BytesIO()
    write_tar(entries(), out, 315532800)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        members = archive.getmembers()
        assert [m.name for m in members] == [e.path for e in entries()]
        assert {(m.mtime, m.uname, m.gname) for m in members} == {(315532800, "", "")}
        special = members[1]
        assert (special.uid, special.gid, special.mode) == (3_000_000, 5, 0o4755)
        assert special.pax_headers["SCHILY.xattr.security.capability"].encode("utf-8", "surrogateescape") == CAPABILITY
        content = archive.extractfile(special)
        assert content is not None
        assert content.read() == b"abc"


def test_short_names_need_no_extended_header():
    out = io.BytesIO()
    write_tar([TarEntry("a", Kind.FILE)], out, 0)
    assert len(out.getvalue()) == 512 + 1024


def test_entries_out_of_order_are_our_own_fault():
    with pytest.raises(ValueError, match="sorted"):
        write_tar([TarEntry("b", Kind.FILE), TarEntry("a", Kind.FILE)], io.BytesIO(), 0)


def test_the_same_path_twice_is_our_own_fault():
    with pytest.raises(ValueError, match="unique"):
        write_tar([TarEntry("a", Kind.FILE), TarEntry("a", Kind.FILE)], io.BytesIO(), 0)


@pytest.mark.parametrize("size", [2, 4])
def test_a_content_of_another_length_is_refused(size):
    with pytest.raises(Invalid, match="3 bytes"):
        write_tar([TarEntry("a", Kind.FILE, size=size, chunks=lambda: [b"abc"])], io.BytesIO(), 0)
