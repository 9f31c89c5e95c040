import gzip
import io
import sys
import tarfile
import tracemalloc
from contextlib import suppress
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagstone.errors import Invalid
from tagstone.image.layers import index_layers
from tagstone.image.tar import Kind

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


@pytest.fixture(scope="session")
def paths(thing, packed):
    def index(*layers):
        return set(index_layers([packed([thing(*t) if isinstance(t, tuple) else t for t in layer]) for layer in layers]).nodes)

    return index


def test_later_layers_lie_over_earlier_ones(thing, packed):
    nodes = index_layers(
        [packed([thing("a", content=b"1"), thing("b")]), packed([thing("a", content=b"22", mode=0o600)])]
    ).nodes
    assert set(nodes) == {"a", "b"}
    assert (nodes["a"].size, nodes["a"].mode) == (2, 0o600)


def test_a_whiteout_removes_a_path_and_all_below_it(paths):
    assert paths([("d", "dir"), ("d/x",), ("dx",)], [(".wh.d",)]) == {"dx"}


def test_a_whiteout_spares_what_its_own_layer_adds(paths):
    assert paths([("d", "dir"), ("d/x",)], [("d", "dir"), ("d/y",), (".wh.d",)]) == {"d", "d/y"}


def test_an_opaque_whiteout_empties_the_directory_of_lower_layers_only(paths):
    assert paths([("d", "dir"), ("d/x",), ("e",)], [("d", "dir"), ("d/y",), ("d/.wh..wh..opq",)]) == {"d", "d/y", "e"}


def test_an_opaque_whiteout_of_the_root_empties_it(paths):
    assert paths([("d", "dir"), ("d/x",)], [(".wh..wh..opq",), ("n",)]) == {"n"}


def test_a_file_in_a_directorys_place_removes_what_was_below(paths):
    assert paths([("d", "dir"), ("d/x",)], [("d",)]) == {"d"}


def test_a_directory_in_a_links_place_stays_empty(paths):
    assert paths([("d", "link", b"", 0o777, 0, "e"), ("e", "dir"), ("e/x",)], [("d", "dir")]) == {"d", "e", "e/x"}


def test_a_directory_that_nobody_wrote_is_implied(paths):
    assert paths([("a/b/c",)]) == {"a", "a/b", "a/b/c"}


def test_hard_links_are_equal_nodes(thing, packed):
    nodes = index_layers([packed([thing("a", content=b"x", inode=1), thing("b", inode=1)])]).nodes
    assert nodes["a"] == nodes["b"]
    assert nodes["b"].kind is Kind.FILE


def test_a_hard_link_may_name_a_lower_layers_file(paths, thing):
    assert paths([("a",)], [thing("b", "hard", link="a")]) == {"a", "b"}


@pytest.mark.parametrize("prefix", ["./", ".//", ""])
def test_dots_and_doubled_slashes_mean_nothing(thing, packed, prefix):
    assert set(index_layers([packed([thing("etc", "dir"), thing("etc/x")], prefix=prefix)]).nodes) == {"etc", "etc/x"}


@pytest.mark.parametrize("compress", [lambda b: b, gzip.compress, zstd.compress])
def test_plain_gzip_and_zstd_streams_are_the_same(thing, packed, compress):
    stream = io.BytesIO(compress(packed([thing("a", content=b"x" * 5000)]).getvalue()))
    assert index_layers([stream]).nodes["a"].size == 5000
    assert stream.read() == b""


def test_devices_below_dev_are_passed_over(paths):
    assert paths([("dev", "dir"), ("dev/null", "char")]) == {"dev"}


def test_only_attributes_that_belong_to_the_image_are_kept(thing, packed):
    assert index_layers([packed([thing("a", capability=b"\xff\x00")])]).nodes["a"].xattrs == (
        ("security.capability", b"\xff\x00"),
    )


HOSTILE = {
    "an absolute path": ("/etc/passwd",),
    "a path that climbs": ("a/../../etc/passwd",),
    "a climb that stays inside": ("a/../b",),
    "a whiteout of the parent": ("a/.wh...",),
    "a whiteout of nothing": ("a/.wh.",),
    "a whiteout outside": ("../.wh.x",),
    "a device": ("sda", "char"),
    "a device that climbs": ("dev/../sda", "char"),
    "an absolute hard link": ("a", "hard", b"", 0o644, 0, "/etc/passwd"),
    "a climbing hard link": ("a", "hard", b"", 0o644, 0, "../etc/passwd"),
    "a hard link to nothing": ("a", "hard", b"", 0o644, 0, "b"),
    "a link to nothing": ("a", "link", b"", 0o777, 0, ""),
    "an owner beyond 32 bits": ("a", "file", b"", 0o644, 2**32),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_layer_is_refused(paths, what):
    with pytest.raises(Invalid):
        paths([HOSTILE[what]])


def test_a_path_through_a_link_is_refused(paths):
    with pytest.raises(Invalid, match="below"):
        paths([("a", "link", b"", 0o777, 0, "/etc"), ("a/passwd",)])


def test_a_header_that_would_fill_the_memory_is_refused(thing, packed):
    with pytest.raises(Invalid, match="header"):
        index_layers([packed([thing("a/" * (2 << 20))])])


@pytest.mark.parametrize("keep", [0, 1, 600, 512 + 1500])
def test_a_layer_cut_short_is_refused(thing, packed, keep):
    with pytest.raises(Invalid):
        index_layers([io.BytesIO(packed([thing("a", content=b"x" * 2000), thing("b")]).getvalue()[:keep])])


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_give_an_index_or_invalid(data):
    for stream in (data, b"\x1f\x8b" + data, b"\x28\xb5\x2f\xfd" + data):
        with suppress(Invalid):
            index_layers([io.BytesIO(stream)])


@settings(deadline=None)
@given(data=st.data())
def test_a_layer_with_any_byte_changed_gives_an_index_or_invalid(data, thing, packed):
    raw = bytearray(packed([thing("a", "dir"), thing("a/ü", content=b"xyz", inode=1), thing("b", inode=1)]).getvalue()[:4096])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        nodes = index_layers([io.BytesIO(bytes(raw) + bytes(1024))]).nodes
    except Invalid:
        return
    assert not any(path.startswith("/") or ".." in path.split("/") for path in nodes)


def test_memory_does_not_grow_with_the_size_of_files(thing, packed):
    class Endless(io.RawIOBase):
        """One entry of 64 MiB, made as it is read."""

        rest = io.BytesIO(packed([thing("a")]).getvalue()[512:])
        head = tarfile.TarInfo("a")

        def __init__(self):
            self.head.size = self.left = 64 << 20
            self.header = self.head.tobuf()

        def read(self, size=-1):
            if self.header:
                piece, self.header = self.header, b""
                return piece
            if self.left:
                count = min(size, self.left)
                self.left -= count
                return bytes(count)
            return self.rest.read(size)

    tracemalloc.start()
    try:
        assert index_layers([cast(BinaryIO, Endless())]).nodes["a"].size == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
