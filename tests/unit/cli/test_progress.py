"""Progress: a picture on a terminal, a line for each change anywhere else."""

import io

import pytest
from rich.console import Console
from rich.live import Live

from fakes.installation import NOW
from tagstone.cli.progress import LiveProgress, PlainProgress, picture
from tagstone.cli.standing import look
from tagstone.domain.publications.publication import Step


@pytest.fixture
def at_work(installation):
    publication = installation.publication(state="working", step="run", finished_at=None)
    installation.step(publication, Step.BUILD, "done", tries=2)
    installation.step(publication, Step.RUN, "started")
    installation.log(publication, "run-1", [b"first\n", b"bin 12 of \x1b[1m64\n\n"], ended=False)
    return publication


def drawn(standing) -> str:
    sheet = io.StringIO()
    Console(file=sheet, width=100, markup=False).print(picture(standing, NOW))
    return sheet.getvalue()


def test_the_picture_has_every_step_with_state_and_time(tagstone, at_work):
    lines = drawn(look(tagstone.application, at_work)).splitlines()
    assert [line.split()[1] for line in lines] == [step.value for step in Step]
    assert lines[1].split()[0] == "✓"
    assert "1 min 30 s" in lines[1]
    assert "try 2" in lines[1]
    assert "10 min 0 s" in lines[3]


def test_the_step_at_work_shows_the_last_line_of_its_log(tagstone, at_work):
    assert "bin 12 of \\x1b[1m64" in drawn(look(tagstone.application, at_work))


def test_why_it_waits_is_more_important_than_its_log(tagstone, installation):
    publication = installation.publication(state="working", step="run", finished_at=None, waiting="the engine is away")
    installation.step(publication, Step.RUN, "started")
    installation.log(publication, "run-1", [b"first\n"])
    text = drawn(look(tagstone.application, publication))
    assert "waiting: the engine is away" in text
    assert "first" not in text


def test_before_the_first_step_it_waits_for_a_worker(tagstone, installation):
    publication = installation.publication(state="queued", finished_at=None)
    assert "waits for a worker" in drawn(look(tagstone.application, publication))


def test_plain_lines_tell_each_change_once(tagstone, installation, capsys):
    publication = installation.publication(state="working", step="build", finished_at=None, waiting="for v0.9")
    shown = PlainProgress()
    installation.step(publication, Step.RESOLVE, "done")
    installation.step(publication, Step.BUILD, "started", tries=2)
    for _ in range(3):
        shown.show(look(tagstone.application, publication), NOW)
    assert capsys.readouterr().err.splitlines() == [
        "resolve: begun",
        "resolve: done after 1 min 30 s",
        "build: begun (try 2)",
        "build: waiting: for v0.9",
    ]


def test_a_step_that_failed_before_is_not_told_as_failed_while_it_is_tried_again(tagstone, installation, capsys):
    publication = installation.publication(state="queued", finished_at=None)
    installation.step(publication, Step.RESOLVE, "failed")
    PlainProgress().show(look(tagstone.application, publication), NOW)
    assert capsys.readouterr().err == ""
    assert "✗" not in drawn(look(tagstone.application, publication))


def test_the_live_picture_is_drawn_anew_at_each_look(tagstone, at_work):
    sheet = io.StringIO()
    with Live(console=Console(file=sheet, width=100, force_terminal=True), auto_refresh=False) as live:
        LiveProgress(live).show(look(tagstone.application, at_work), NOW)
        LiveProgress(live).show(look(tagstone.application, at_work), NOW + 60)
    assert "10 min 0 s" in sheet.getvalue()
    assert "11 min 0 s" in sheet.getvalue()
