"""What is announced at forges: in few words, and whatever others wrote stays where it is put and does nothing there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.forges.announcement import COMMENTED, Standing, comment, status
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import State, Step

PAGE = "https://tagstone.example.org/publications/p0123456789abcdef"
HOSTILE = st.text(st.sampled_from(" \n\r\t`~<>!-@/[](){}*_#|\\abc\u202e\u2028\x00\ud800é"), max_size=80)


def standing(state: State = State.WORKING, **more: object) -> Standing:
    return Standing("v1.0.0", PAGE, state, **more)  # type: ignore[arg-type]  # what a test gives


def outside_of_code(note: str) -> str:
    """A comment without its code, as CommonMark finds that: what is left is all that may mean something."""
    bare, lines = [], iter(note.split("\n"))
    for line in lines:
        fence = re.match("(`{3,})text$", line)
        if fence is None:
            bare.append(line)
            continue
        assert fence[1] in lines, "the block has no end"
    spans = re.compile(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)")
    return "\n".join(spans.sub("CODE", line) for line in bare)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        (standing(State.QUEUED), ("pending", "Waits for a worker")),
        (standing(step=Step.RUN), ("running", "At work; seen last at run")),
        (standing(step=Step.REVIEW, rests=True), ("running", "Waits for approval")),
        (standing(State.PUBLISHED, doi="10.1/x"), ("success", "Published as 10.1/x")),
        (standing(State.FAILED, step=Step.BUILD, error="No.\nMore."), ("failed", "Failed at build: No.")),
        (standing(State.CANCELLED), ("canceled", "Cancelled")),
        (standing(State.SUPERSEDED), ("canceled", "Another attempt took its place")),
        (standing(State.WITHDRAWN), ("success", "Published, and withdrawn later")),
    ],
)
def test_a_status_says_where_it_stands(about: Standing, told: tuple[str, str]):
    assert status(about) == told


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_status_that_gitlab_knows(state: State):
    assert status(standing(state))[0] in ("pending", "running", "success", "failed", "canceled")


def test_a_registered_doi_is_a_link_and_a_test_identifier_is_none():
    assert "(https://doi.org/10.5281/x)" in comment(
        Event.PUBLISHED, standing(State.PUBLISHED, doi="10.5281/x", registered=True)
    )
    assert "doi.org" not in comment(Event.PUBLISHED, standing(State.PUBLISHED, doi="10.5281/x"))


@pytest.mark.attack("names and texts")
@pytest.mark.parametrize(
    ("person", "called"), [("ada", True), ("a.b-c_1", True), ("all hands", False), ("", False), ("@x", False)]
)
def test_who_pushed_the_tag_is_called_by_a_plain_name_only(person: str, called: bool):
    assert comment(Event.REVIEW, standing(person=person)).startswith("@") == called


@pytest.mark.attack("names and texts")
@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(COMMENTED))
def test_whatever_others_wrote_means_nothing_in_a_comment(ref: str, error: str, remedy: str, event: Event):
    note = comment(event, Standing(ref, PAGE, State.FAILED, error=error, remedy=remedy, doi=error, person="ada"))
    bare = outside_of_code(note)
    assert not set("\u202e\u2028\x00\ud800") & set(note)
    assert not set("<>*#|\\~`") & set(bare)
    assert bare.count("@") == 1
    assert not re.search(r"^/", note, re.MULTILINE)
    assert "<!--" not in note


@pytest.mark.attack("names and texts")
@given(st.text(max_size=5000), st.text(max_size=300))
def test_a_comment_and_a_status_stay_short(error: str, ref: str):
    about = Standing(ref, PAGE, State.FAILED, Step.RUN, error=error, remedy=error)
    assert len(comment(Event.FAILED, about)) < 8000
    assert "\n" not in status(about)[1]
