"""`tagstone.lock` can be read by people, and nothing in it can do harm."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.environments.build import BaseImage, Package, PackageArchive
from tagstone.domain.environments.lock import DEB_NAME, PYPI_NAME, Lock, dump, from_packages, parse
from tagstone.domain.images.oci import ImageReference
from tagstone.errors import Invalid

DIGEST = "sha256:" + "a" * 64


def test_a_lock_is_sorted_text_with_one_package_a_line():
    packages = [Package("pypi", "numpy", "2.1.0"), Package("deb", "python3", "3.11.2-1+b1", "amd64"), Package("cran", "x", "1")]
    bases = [BaseImage("debian:bookworm", ImageReference("base/debian", DIGEST))]
    lines = dump(from_packages(bases, packages)).splitlines()
    assert lines[0].startswith("# Made by `tagstone check --fix`")
    assert lines[1:] == [
        "version: 1",
        "bases:",
        f'  "debian:bookworm": "{DIGEST}"',
        "deb:",
        '  "python3": "3.11.2-1+b1"',
        "pypi:",
        '  "numpy": "2.1.0"',
    ]


def test_the_newest_state_of_the_package_archives_is_locked():
    states = [("bookworm", "2026-07-11T10:16:37Z"), ("bookworm-updates", "2026-11-19T02:12:54Z"), ("odd", "yesterday")]
    lock = from_packages([], [], [PackageArchive("http://host.test/debian", suite, date) for suite, date in states])
    assert lock.snapshot == "2026-11-19T02:12:54Z"
    assert parse(dump(lock)) == lock


def test_a_python_package_with_two_versions_is_left_to_pip():
    assert from_packages([], [Package("pypi", "pip", "1.0"), Package("pypi", "pip", "2.0")]).pypi == {}


@given(
    st.dictionaries(st.from_regex(DEB_NAME, fullmatch=True).filter(str.isascii), st.just("1.10"), max_size=4),
    st.dictionaries(st.from_regex(PYPI_NAME, fullmatch=True).filter(str.isascii), st.just("2.0"), max_size=4),
)
def test_what_is_written_is_read_again(deb, pypi):
    lock = Lock({"debian:bookworm": DIGEST}, deb, pypi)
    assert parse(dump(lock)) == lock


def test_an_empty_lock_is_read_again():
    assert parse(dump(Lock())) == Lock()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "version: 2",
        "version: 1\nmore: {}",
        "version: 1\nsnapshot: yesterday",
        "version: 1\nsnapshot: [1]",
        "version: 1\nsnapshot: '2026-13-01T00:00:00Z'",
        "version: 1\ndeb: [a]",
        "version: 1\ndeb: {a: 1}",
        "version: 1\ndeb: {'a;b': '1'}",
        "version: 1\ndeb: {aa: '1 && evil'}",
        "version: 1\npypi: {\"a'b\": '1'}",
        "version: 1\npypi: {a: \"1'; evil '\"}",
        "version: 1\nbases: {debian: latest}",
        "version: 1\nbases: {'../x': 'sha256:00'}",
        "&a [*a]",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Invalid):
        parse(text)


def test_every_fault_is_listed_with_its_line():
    with pytest.raises(Invalid) as caught:
        parse("version: 1\ndeb:\n  'a b': '1'\n  bb: '2'\npypi:\n  cc: '$(x)'\n")
    found: Any = caught.value.faults
    assert [fault.line for fault in found] == [3, 6]


@given(st.text(max_size=200))
def test_whatever_is_written_only_our_errors_come_out(text):
    with contextlib.suppress(Invalid):
        parse(text)
