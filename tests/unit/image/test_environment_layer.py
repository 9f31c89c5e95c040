import io
import random
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagstone.domain.environments.build import Package
from tagstone.errors import Invalid
from tagstone.image.layers import ENVIRONMENT_TIME, RootIndex, environment_layer, index_layers


@pytest.fixture(scope="session")
def difference(packed):
    def write(base, root, **how):
        out = io.BytesIO()
        layer = environment_layer(index_layers([packed(base)]) if base else RootIndex(), packed(root, **how), out, io.BytesIO())
        assert layer.size == len(out.getvalue())
        return out.getvalue(), layer

    return write


@pytest.fixture(scope="session")
def names(difference):
    def written(base, root, **how):
        with tarfile.open(fileobj=io.BytesIO(difference(base, root, **how)[0])) as archive:
            return [member.name for member in archive]

    return written


def content_of(layer, path):
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        stream = archive.extractfile(path)
        assert stream is not None
        return stream.read()


def test_an_equal_root_gives_an_empty_layer(names, thing):
    tree = [thing("etc", "dir", mode=0o755), thing("etc/x", content=b"1")]
    assert names(tree, tree, mtime=99) == []


def test_new_and_changed_paths_are_written_with_the_directories_above_them(names, thing):
    base = [thing("d", "dir", mode=0o700, uid=5), thing("d/same"), thing("d/other"), thing("e", "dir")]
    root = [*base[:2], thing("d/other", mode=0o755), thing("d/new", "link", link="x"), base[3]]
    assert names(base, root) == ["d", "d/new", "d/other"]


def test_a_directory_above_a_change_keeps_its_owner_and_mode(difference, thing):
    base = [thing("home", "dir", mode=0o2750, uid=7)]
    with tarfile.open(fileobj=io.BytesIO(difference(base, [*base, thing("home/x")])[0])) as archive:
        home = archive.getmember("home")
    assert (home.mode, home.uid, home.mtime) == (0o2750, 7, ENVIRONMENT_TIME)


def test_a_removed_directory_is_one_whiteout(names, thing):
    base = [thing("d", "dir"), thing("d/e", "dir"), thing("d/e/x"), thing("d/y")]
    assert names(base, [base[0]]) == ["d", "d/.wh.e", "d/.wh.y"]
    assert names(base, []) == [".wh.d"]


def test_a_path_whose_kind_changed_needs_no_whiteout(names, thing):
    base = [thing("d", "dir"), thing("d/x"), thing("f")]
    assert names(base, [thing("d"), thing("f", "dir"), thing("f/y")]) == ["d", "f", "f/y"]


def test_hard_links_name_the_first_in_order_whatever_the_engine_named(difference, thing):
    one = [thing("b", content=b"x", inode=1), thing("a", content=b"x", inode=1), thing("c", content=b"x", inode=1)]
    assert difference([], one)[0] == difference([], one[::-1])[0]
    with tarfile.open(fileobj=io.BytesIO(difference([], one)[0])) as archive:
        assert [(m.name, m.linkname) for m in archive] == [("a", ""), ("b", "a"), ("c", "a")]


def test_a_new_name_for_a_file_of_the_base_carries_its_content(difference, thing):
    base = [thing("a", content=b"abc")]
    layer, _ = difference(base, [thing("a", content=b"abc", inode=1), thing("b", content=b"abc", inode=1)])
    assert content_of(layer, "b") == b"abc"


def test_a_content_first_named_by_a_path_that_is_left_out_is_not_lost(difference, thing):
    root = [thing("tmp", "dir"), thing("tmp/z", content=b"abc", inode=1), thing("z", content=b"abc", inode=1)]
    layer, _ = difference([], root)
    assert content_of(layer, "z") == b"abc"


LEFT_OUT = [
    "etc/hosts",
    "etc/resolv.conf",
    "etc/hostname",
    ".dockerenv",
    ".tagstone/ca.pem",
    "dev/x",
    "proc/1",
    "run/.containerenv",
    "tmp/x",
    "var/tmp/x",
    "var/cache/apt/pkgcache.bin",
    "var/lib/apt/lists/x",
    "var/log/dpkg.log",
    "var/cache/ldconfig/aux-cache",
    "root/.cache/pip/x",
    "opt/p/__pycache__/x.pyc",
]


@pytest.mark.parametrize("path", LEFT_OUT)
def test_stubs_and_volatile_paths_are_left_out_and_give_no_whiteout(names, thing, path):
    assert path not in names([], [thing(path)])
    assert names([thing(path)], [thing(path, content=b"other")]) == []
    parents = [thing(path.rpartition("/")[0], "dir", mode=0o755)] if "/" in path else []
    assert not [name for name in names([*parents, thing(path)], parents) if ".wh." in name]


def test_an_etc_that_holds_stubs_alone_is_the_engines(names, thing):
    assert names([], [thing("etc", "dir"), thing("etc/hosts"), thing("x")]) == ["x"]


def test_directories_of_logs_stay(names, thing):
    assert names(
        [], [thing("var", "dir"), thing("var/log", "dir"), thing("var/log/nginx", "dir"), thing("var/log/nginx/x")]
    ) == [
        "var",
        "var/log",
        "var/log/nginx",
    ]


def test_a_root_cut_short_is_refused(thing, packed):
    stream = packed([thing("a"), thing("b")]).getvalue()
    for keep in (512, 1024):
        with pytest.raises(Invalid, match="cut short"):
            environment_layer(RootIndex(), io.BytesIO(stream[:keep]), io.BytesIO(), io.BytesIO())


@pytest.mark.parametrize("path", ["x/.wh.y", ".wh..wh..opq"])
def test_a_file_that_would_read_as_a_whiteout_is_refused(difference, thing, path):
    with pytest.raises(Invalid, match="whiteout"):
        difference([], [thing(path)])


def test_a_device_is_refused_but_not_among_the_stubs(difference, names, thing):
    assert names([], [thing("dev", "dir"), thing("dev/null", "char")]) == []
    with pytest.raises(Invalid):
        difference([], [thing("opt/null", "char")])


STATUS = b"""Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b7
Description: a shell
 Package: fake

Package: gone
Status: deinstall ok config-files
Version: 1

Package: <b>evil</b>
Status: install ok installed
Version: 1
"""


def test_the_packages_of_the_whole_root_are_read(difference, thing):
    status = thing("var/lib/dpkg/status", content=STATUS)
    root = [
        status,
        thing("var/lib/dpkg/status.d/tzdata", content=b"Package: tzdata\nVersion: 2024a\nArchitecture: all\n"),
        thing(
            "v/lib/Foo_Bar-1.0.dist-info/METADATA", content=b"Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\n\nName: x\n"
        ),
        thing("v/lib/old.egg-info/PKG-INFO", content=b"Name: old\nVersion: 2\n"),
        thing("usr/local/lib/R/site-library/ggplot2/DESCRIPTION", content=b"Package: ggplot2\nVersion: 3.4-1\nBuilt: R 4.2\n"),
        thing("usr/lib/R/site-library/digest/DESCRIPTION", content=b"Package: digest\nVersion: 1\nBuilt: R 4.2\n"),
        thing("usr/lib/python3/dist-packages/numpy.egg-info/PKG-INFO", content=b"Name: numpy\nVersion: 1\n"),
        thing("src/library/x/DESCRIPTION", content=b"Package: source\nVersion: 1\n"),
        thing("bad.dist-info/METADATA", content=b"\xff\x00" * 100),
    ]
    assert difference([status], root)[1].packages == (
        Package("cran", "ggplot2", "3.4-1"),
        Package("deb", "bash", "5.2.15-2+b7", "amd64"),
        Package("deb", "tzdata", "2024a", "all"),
        Package("pypi", "foo-bar", "1.0"),
        Package("pypi", "old", "2"),
    )


@st.composite
def trees(draw):
    """Trees as path → (kind, content, mode, link, inode), in which nothing lies below a file."""
    tree: dict[str, tuple[str, bytes, int, str, int]] = {}
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=12)):
        above = ["/".join(path.split("/")[:n]) for n in range(1, path.count("/") + 1)]
        if any(tree.get(a, ("dir",))[0] != "dir" for a in above) or any(p.startswith(path + "/") for p in tree):
            continue
        for a in above:
            tree.setdefault(a, ("dir", b"", 0o755, "", 0))
        inode = draw(st.integers(0, 2))
        kind = "file" if inode else draw(st.sampled_from(["file", "dir", "link"]))
        content = b"shared%d" % inode if inode else draw(st.binary(max_size=3)) if kind == "file" else b""
        tree[path] = (
            kind,
            content,
            0o644 if inode else draw(st.sampled_from([0o644, 0o755])),
            "t" if kind == "link" else "",
            inode,
        )
    return tree


PATHS = [f"{a}{b}{c}" for a in ("a", "b", "é" * 60) for b in ("", "-x", "/c", "/c-d", "/c/d") for c in ("", "/e")]


@settings(max_examples=80, deadline=None)
@given(base=trees(), root=trees(), seed=st.integers(0, 2**16))
def test_the_layer_over_its_base_is_the_root_again_whatever_the_order(difference, thing, packed, base, root, seed):
    def shaken(tree, how):
        order = sorted(tree)
        how.shuffle(order)
        return [thing(p, tree[p][0], tree[p][1], tree[p][2], 0, tree[p][3], tree[p][4]) for p in order]

    calm, wild = random.Random(0), random.Random(seed)
    layer, _ = difference(shaken(base, calm), shaken(root, calm))
    assert layer == difference(shaken(base, wild), shaken(root, wild), mtime=seed)[0]
    again = index_layers([packed(shaken(base, calm)), io.BytesIO(layer)]).nodes
    assert again == index_layers([packed(shaken(root, calm))]).nodes
