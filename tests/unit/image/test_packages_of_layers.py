"""Packages are read from the root that the layers make together, not from what some layer once had."""

import io
import json

import pytest

from tagstone.domain.environments.build import Package
from tagstone.errors import Invalid
from tagstone.image.packages_annotation import KEY, read_packages_annotation
from tagstone.image.packages_of_layers import packages_of_layers

STATUS = b"Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n"
MORE = STATUS + b"\nPackage: vim\nStatus: install ok installed\nVersion: 9\nArchitecture: amd64\n"


@pytest.fixture
def found(packed):
    """The packages of layers, each a list of things."""

    def read(*layers, compress=""):
        streams = [packed(layer, compress=compress).getvalue() for layer in layers]
        return packages_of_layers(lambda: (io.BytesIO(data) for data in streams))

    return read


@pytest.mark.parametrize("compress", ["", "gz"])
def test_the_last_word_on_each_database_counts(found, thing, compress):
    below, above = thing("var/lib/dpkg/status", content=STATUS), thing("var/lib/dpkg/status", content=MORE)
    bash, vim = Package("deb", "bash", "5.2", "amd64"), Package("deb", "vim", "9", "amd64")
    assert found([below], [above], compress=compress) == (bash, vim)
    assert found([above], [below], compress=compress) == (bash,)


def test_a_removed_package_is_not_there(found, thing):
    numpy = thing("v/numpy-2.0.dist-info/METADATA", content=b"Name: numpy\nVersion: 2.0\n")
    assert found([numpy]) == (Package("pypi", "numpy", "2.0"),)
    assert found([numpy], [thing("v/.wh.numpy-2.0.dist-info")]) == ()
    assert found([numpy], [thing("v/.wh..wh..opq")]) == ()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (b'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n', "12"),
        (b"ID=debian\nVERSION_CODENAME=sid\n", "sid"),
        (b"ID='debian'\nVERSION_ID='$(reboot)'\n", None),
        (b"\xff\x00", None),
    ],
)
def test_the_distribution_is_read_from_os_release(found, thing, text, version):
    assert found([thing("usr/lib/os-release", content=text)]) == ((Package("os", "debian", version),) if version else ())


def test_a_layer_without_package_databases_has_none(found, thing):
    assert found([thing("bin/sh", content=b"x")]) == ()


def test_a_damaged_layer_is_refused():
    with pytest.raises(Invalid):
        packages_of_layers(lambda: iter([io.BytesIO(b"no tar" * 200)]))


def test_an_annotation_of_a_strangers_base_is_believed_no_more_than_a_layer():
    rows = [
        ["deb", "bash", "5.2", "amd64"],
        ["deb", "b\u202esh", "1", None],
        ["exe", "bash", "5.2", None],
        ["deb", "bash", "$(reboot)", None],
        ["deb", ["bash"], "1", None],
        ["deb", "vim", "9", {"no": "word"}],
    ]
    assert read_packages_annotation({KEY: json.dumps(rows)}) == (
        Package("deb", "bash", "5.2", "amd64"),
        Package("deb", "vim", "9"),
    )
    for broken in ("{}", "no json", "[[1]]", "[" * 100_000):
        assert read_packages_annotation({KEY: broken}) == ()
