"""Dotenv reports hold nothing that could mean something to a shell, to GitLab or to a later job."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.forges.dotenv import MAX_BYTES, MAX_VARIABLES, dotenv

NAMES = st.text(alphabet=string.ascii_uppercase + "_", min_size=1, max_size=12)


def test_a_publications_facts_go_through():
    values = {
        "TAGSTONE_DOI": "10.5281/zenodo.7654321",
        "TAGSTONE_RECORD": "https://rdm.example.org/records/abc-12?x=1",
        "TAGSTONE_IMAGE": "sha256:" + "a" * 64,
    }
    text, left_out = dotenv(values)
    assert text.splitlines() == [f"{name}={value}" for name, value in values.items()]
    assert left_out == ()


def test_what_is_not_there_is_left_out_without_a_word():
    assert dotenv({"TAGSTONE_DOI": None, "TAGSTONE_IMAGE": ""}) == ("", ())


@pytest.mark.attack("names and texts")
def test_what_a_shell_would_read_is_left_out_and_named():
    for value in (
        "$(id)",
        "`id`",
        "a b",
        "a\nCI_JOB_TOKEN=x",
        "it's",
        'say "x"',
        "a;b",
        "a|b",
        "a\\b",
        "a&b",
        "\x1b[0m",
        "ü",
        "*",
    ):
        assert dotenv({"TAGSTONE_DOI": value}) == ("", ("TAGSTONE_DOI",))


@pytest.mark.attack("names and texts")
@given(st.dictionaries(st.text(max_size=20) | NAMES, st.text(max_size=1500) | st.none(), max_size=60))
def test_whatever_comes_the_report_is_one_that_gitlab_takes(values: dict[str, str | None]):
    text, left_out = dotenv(values)
    lines = text.splitlines()
    assert text.isascii()
    assert len(text) <= MAX_BYTES
    assert len(lines) <= MAX_VARIABLES
    written = dict(line.split("=", 1) for line in lines)
    assert all(values[name] == value for name, value in written.items())
    assert set(written) | set(left_out) == {name for name, value in values.items() if value}
    assert not set("".join(written.values())) & set("$`'\"\\;|&<>(){}*! \t\r\n\0")


@given(st.dictionaries(NAMES, st.text(alphabet=string.ascii_letters + "/:.", min_size=1, max_size=900), max_size=30))
def test_a_report_is_never_larger_than_gitlab_allows(values: dict[str, str]):
    text, left_out = dotenv(values)
    assert len(text) <= MAX_BYTES
    assert len(text.splitlines()) + len(left_out) == len(values)
