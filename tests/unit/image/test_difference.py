"""Two images beside each other: every layer, path and package that differs is named, and nothing else."""

import io
from collections.abc import Sequence
from functools import partial

import pytest

from tagstone.domain.environments.build import Package
from tagstone.domain.images.image_difference import ImageDifference
from tagstone.domain.images.oci import CONFIG, Descriptor, Image, ImageSettings
from tagstone.image.difference import Layer, Side, compare_images
from tagstone.image.documents import digest_of

NUMPY = Package("deb", "python3-numpy", "1:1.24.2-1", "amd64")
NEWER = Package("deb", "python3-numpy", "1:1.24.2-2", "amd64")


@pytest.fixture
def compared(packed):
    """The difference of two images whose environment layers hold these things."""

    def side(things: Sequence[object], packages: tuple[Package, ...], settings: ImageSettings) -> Side:
        layers = []
        for name, content in (("base layer 1", []), ("environment", things)):
            data = packed(content).getvalue()
            layers.append(Layer(name, digest_of(data), partial(io.BytesIO, data)))
        digest = digest_of(repr((layers[1].digest, settings)).encode())
        image = Image("one", digest, Descriptor(CONFIG, digest, 1), (), (), settings)
        return Side(image, layers, packages)

    def compare(
        before: Sequence[object],
        after: Sequence[object],
        packages: tuple[Package, ...] = (),
        later: tuple[Package, ...] | None = None,
        settings: ImageSettings | None = None,
    ) -> ImageDifference:
        plain = ImageSettings()
        return compare_images(
            side(before, packages, plain), side(after, packages if later is None else later, settings or plain)
        )

    return compare


def test_equal_images_are_identical(compared, thing):
    same = [thing("opt/x", content=b"1")]
    difference = compared(same, same)
    assert difference.identical
    assert difference.layers == ()
    assert difference.as_text().startswith("identical: built anew, the image has the recorded digest sha256:")


def test_a_file_that_no_package_brought_is_named_with_its_first_byte(compared, thing):
    difference = compared([thing("opt/x", content=b"hello, world\n")], [thing("opt/x", content=b"hello, there\n")])
    assert difference.as_text().splitlines()[3:] == [
        "environment: 1 path differs",
        "  no package: 1 path",
        "    opt/x: content at byte 7",
    ]


def test_every_aspect_is_told(compared, thing):
    before = [
        thing("a/mode"),
        thing("b/owner"),
        thing("c/link", "link", link="there"),
        thing("d/kind"),
        thing("e/grown", content=b"12"),
        thing("f/gone"),
        thing("h/one", inode=1),
        thing("h/two", inode=1),
        thing("i/rights"),
    ]
    after = [
        thing("a/mode", mode=0o755),
        thing("b/owner", uid=7),
        thing("c/link", "link", link="elsewhere"),
        thing("d/kind", "dir"),
        thing("e/grown", content=b"123"),
        thing("g/new"),
        thing("h/one"),
        thing("h/two"),
        thing("i/rights", capability=b"\1\0\0\2"),
    ]
    (layer,) = compared(before, after).layers
    assert {change.path: (change.kind.value, change.aspects) for change in layer.changes} == {
        "a/mode": ("changed", ("mode",)),
        "b/owner": ("changed", ("owner",)),
        "c/link": ("changed", ("link",)),
        "d/kind": ("changed", ("kind", "content")),
        "e/grown": ("changed", ("content",)),
        "f/gone": ("removed", ("presence",)),
        "g/new": ("added", ("presence",)),
        "h/two": ("changed", ("link",)),
        "i/rights": ("changed", ("attributes",)),
    }
    assert {change.path: change.first_byte for change in layer.changes if "content" in change.aspects} == {
        "d/kind": None,
        "e/grown": 2,
    }


def test_another_time_is_told_though_ours_are_all_alike(packed, thing):
    sides = []
    for time in (1, 2):
        data = packed([thing("opt/x")], mtime=time).getvalue()
        digest = digest_of(data)
        image = Image("one", digest, Descriptor(CONFIG, digest, 1), (), (), ImageSettings())
        sides.append(Side(image, [Layer("environment", digest, partial(io.BytesIO, data))], ()))
    (layer,) = compare_images(*sides).layers
    assert [str(change) for change in layer.changes] == ["opt/x: time"]


def test_the_files_of_another_version_are_counted_by_package(compared, thing):
    listed = thing("var/lib/dpkg/info/python3-numpy.list", content=b"/.\n/usr\n/usr/lib/numpy/core.so\n/lib/numpy/more.py\n")
    before = [thing("usr/lib/numpy/core.so", content=b"1"), thing("usr/lib/numpy/more.py", content=b"1"), listed]
    after = [thing("usr/lib/numpy/core.so", content=b"2"), thing("usr/lib/numpy/more.py", content=b"2"), listed]
    text = compared(before, after, (NUMPY,), (NEWER,)).as_text()
    assert "  deb python3-numpy 1:1.24.2-1 → 1:1.24.2-2: 2 paths" in text.splitlines()


def test_a_package_of_the_same_version_whose_file_differs_shows_the_file(compared, thing):
    listed = thing("var/lib/dpkg/info/python3-numpy:amd64.list", content=b"/usr/lib/numpy/core.so\n")
    before, after = ([thing("usr/lib/numpy/core.so", content=content), listed] for content in (b"1", b"2"))
    lines = compared(before, after, (NUMPY,)).as_text().splitlines()
    assert lines[-2:] == ["  deb python3-numpy 1:1.24.2-1: 1 path", "    usr/lib/numpy/core.so: content at byte 0"]


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("opt/venv/lib/python3.11/site-packages/my_pkg/__init__.py", ("pypi", "my-pkg")),
        ("opt/venv/bin/my-tool", ("pypi", "my-pkg")),
        ("usr/local/lib/R/site-library/zoo/R/zoo.rdb", ("cran", "zoo")),
        ("var/lib/dpkg/info/zlib1g:amd64.symbols", ("deb", "zlib1g")),
        ("var/lib/dpkg/status", None),
        ("opt/x", None),
    ],
)
def test_paths_belong_to_python_and_r_packages_too(compared, thing, path, package):
    site = "opt/venv/lib/python3.11/site-packages"
    record = thing(f"{site}/My.Pkg-1.0.dist-info/RECORD", content=b"my_pkg/__init__.py,sha256=x,1\n../../../bin/my-tool,,\n")
    (layer,) = compared([record, thing(path)], [record, thing(path, mode=0o600)]).layers
    assert [(change.path, change.package) for change in layer.changes] == [(path, package)]


def test_packages_and_settings_that_no_path_shows_are_told_as_well(compared, thing):
    same = [thing("opt/x")]
    difference = compared(same, same, (NUMPY,), (NEWER,), ImageSettings(workdir="/work"))
    assert difference.as_text().splitlines()[3:] == [
        "package: deb python3-numpy 1:1.24.2-1 → 1:1.24.2-2",
        "settings: workdir: '' recorded, '/work' anew",
    ]


def test_many_files_without_a_version_that_explains_them_are_cut_short_for_people_only(compared, thing):
    before, after = ([thing(f"opt/{n:02}", content=content) for n in range(20)] for content in (b"1", b"2"))
    difference = compared(before, after)
    assert difference.as_text().splitlines()[-1] == "    and 8 more (--json has all)"
    (layer,) = difference.as_json()["layers"]
    assert len(layer["changes"]) == 20


def test_a_layer_that_only_one_has_is_all_added(packed, thing):
    data = packed([thing("opt/x")]).getvalue()
    digest = digest_of(data)
    image = Image("one", digest, Descriptor(CONFIG, digest, 1), (), (), ImageSettings())
    (layer,) = compare_images(
        Side(image, [], ()), Side(image, [Layer("environment", digest, partial(io.BytesIO, data))], ())
    ).layers
    assert [str(change) for change in layer.changes] == ["opt/x: added"]
