"""Which paths an output glob means."""

import time

import pytest

from tagstone.domain.code.project_url import normalised
from tagstone.domain.code.version import version_of
from tagstone.domain.reading.globs import glob_problem, matches


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("results/*.png", "results/a.png", True),
        ("results/*.png", "results/deep/a.png", False),
        ("results/*.png", "results/.hidden.png", True),
        ("results/*.png", "other/results/a.png", False),
        ("results/**", "results/deep/a.png", True),
        ("results/**", "results", False),
        ("**", "a", True),
        ("**/a.csv", "a.csv", True),
        ("**/a.csv", "x/y/a.csv", True),
        ("r/**/a.csv", "r/a.csv", True),
        ("r/**/**/a.csv", "r/x/a.csv", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].csv", "a.csv", True),
        ("[!ab].csv", "a.csv", False),
        ("a.csv", "a.csv", True),
        ("a.csv", "A.csv", False),
        ("a.csv", "a.csv\n", False),
    ],
)
def test_a_glob_means_these_paths(pattern: str, path: str, meant: bool) -> None:
    assert matches(path, [pattern]) is meant


def test_matching_does_not_explode() -> None:
    before = time.monotonic()
    assert not matches("a" * 250 + "/b", ["*a" * 100 + "/c"])
    assert not matches("/".join("a" * 60), ["/".join(["**", "a"] * 30 + ["b"])])
    assert time.monotonic() - before < 2


@pytest.mark.parametrize("pattern", ["results/*.png", "**/x", "a b.csv", "[ab]*", "ü/*"])
def test_sound_globs_have_no_problem(pattern: str) -> None:
    assert glob_problem(pattern) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.example.org/geo/wobble",
        "https://gitlab.example.org/geo/wobble.git",
        "https://gitlab.example.org:443/geo/wobble/",
        "https://ada:secret@GitLab.Example.org/geo/wobble.git/",
        "http://gitlab.example.org/geo/wobble",
        "ssh://git@gitlab.example.org/geo/wobble.git",
        "ssh://git@gitlab.example.org:2222/geo//wobble",
        "git@gitlab.example.org:geo/wobble.git",
        "gitlab.example.org:/geo/wobble",
        "git://gitlab.example.org/geo/wobble",
        " https://gitlab.example.org/geo/wobble\n",
    ],
)
def test_every_way_to_write_an_address_is_one_project(url: str) -> None:
    assert normalised(url) == "gitlab.example.org/geo/wobble"


@pytest.mark.parametrize(
    "url", ["", "/srv/git/a.git", "../a", "file:///srv/a", "https://host", "https://[::1/a", "ext::sh -c id", "C"]
)
def test_what_is_no_address_of_elsewhere_names_no_project(url: str) -> None:
    assert normalised(url) is None


def test_a_port_that_is_not_the_schemes_own_stays() -> None:
    assert normalised("https://example.org:8443/a.git") == "example.org:8443/a"


@pytest.mark.parametrize(
    ("tag", "version"),
    [("v1.0.0", "1.0.0"), ("1.0", "1.0"), ("release-2", "2"), ("wobble/v3.1", "3.1"), ("first", "first"), ("vector", "vector")],
)
def test_a_tags_version_is_the_tag_without_its_mark(tag: str, version: str) -> None:
    assert version_of(tag) == version
