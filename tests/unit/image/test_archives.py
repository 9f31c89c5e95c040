"""The state of package archives, read from what apt leaves in a root."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.environments.build import PackageArchive
from tagstone.image.archives import read_archives, tells_archives
from tagstone.image.packages_annotation import archives_annotation, read_archives_annotation

LISTS = "var/lib/apt/lists/"
RELEASE = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nDate: Thu, 19 Nov 2026 02:12:54 UTC\nSHA256:\n 0 0 x\n"
)


def read(files):
    return read_archives({path: partial(content, text) for path, text in files.items()})


def content(text):
    return iter([text.encode()])


@pytest.mark.parametrize(
    ("name", "sources", "address", "suite"),
    [
        ("deb.test_debian_dists_bookworm_InRelease", "", "http://deb.test/debian", "bookworm"),
        ("deb.test_debian_dists_bookworm-updates_Release", "", "http://deb.test/debian", "bookworm-updates"),
        (
            "deb.test_debian_dists_bookworm_InRelease",
            "deb https://deb.test/debian/ bookworm main",
            "https://deb.test/debian",
            "bookworm",
        ),
        ("deb.test_a%5fb_dists_stable_InRelease", "URIs: https://me:pass@deb.test/a_b\n", "https://deb.test/a_b", "stable"),
        ("127.0.0.1:99_debian_dists_stable_updates_Release", "", "http://127.0.0.1:99/debian", "stable/updates"),
    ],
)
def test_an_archive_is_known_by_its_address_suite_and_date(name, sources, address, suite):
    found = read({LISTS + name: RELEASE, "etc/apt/sources.list": sources})
    assert found == (PackageArchive(address, suite, "2026-11-19T02:12:54Z"),)


@pytest.mark.parametrize(
    "text", ["", "Date: yesterday\n", "Date:\n", "Date: Thu, 99 Nov 2026 02:12:54 UTC\n", "x" * 100_000 + RELEASE]
)
def test_what_has_no_date_is_passed_over(text):
    assert read({LISTS + "a_dists_b_InRelease": text}) == ()


@pytest.mark.parametrize(
    ("path", "tells"),
    [
        (LISTS + "deb.test_debian_dists_bookworm_InRelease", True),
        ("etc/apt/sources.list.d/debian.sources", True),
        (LISTS + "deb.test_debian_dists_bookworm_main_binary-amd64_Packages", False),
        (LISTS + "lock", False),
        ("home/me/var/lib/apt/lists/a_dists_b_InRelease", False),
    ],
)
def test_only_apts_own_files_are_read(path, tells):
    assert tells_archives(path) is tells


def test_archives_are_carried_in_an_annotation():
    archives = (PackageArchive("http://deb.test/debian", "bookworm", "2026-11-19T02:12:54Z"),)
    assert read_archives_annotation(archives_annotation(archives)) == archives
    assert archives_annotation(()) == {}
    assert read_archives_annotation({"org.tagstone.archives": "[1]"}) == ()


@given(st.text(max_size=100), st.text(max_size=100))
def test_whatever_stands_there_nothing_is_raised(release, sources):
    read({LISTS + "a_dists_b_InRelease": "Date: " + release, "etc/apt/sources.list": sources})
