"""What is asked of somebody at a terminal, and what their answers do."""

import os
import sys
from contextlib import contextmanager

import pytest

from fakes import facts as recorded
from fakes.terminal import terminal
from tagstone.domain.publications.publication import Step
from tagstone.store import publications


@pytest.fixture
def at_terminal(tagstone, installation):
    """Runs a command of the real program in a terminal."""

    @contextmanager
    def start(*arguments):
        command = [sys.executable, "-P", "-m", "tagstone", *arguments]
        with terminal(command, os.environ | {"TAGSTONE_HOME": str(installation.home)}) as shown:
            yield shown

    return start


@pytest.fixture
def moved(tagstone, repository, git, installation):
    """A failed publication whose tag points to another commit now."""
    tagstone.queue.ends = {"state": "failed", "error_kind": "failed", "error": "It failed.", "remedy": "Mend it."}
    publication = tagstone.json("publish", repository, "--tag", "v1.0.0")["publication"]
    git("commit", "--quiet", "--allow-empty", "--message=Second")
    git("tag", "--force", "v1.0.0")
    return publication


@pytest.fixture
def waiting(installation):
    """A publication that waits for approval; its code archive is not needed for a first version."""
    publication = installation.publication(recorded.facts(), state="working", step="review", finished_at=None)
    installation.step(publication, Step.REVIEW, "waiting")
    return publication


def state(installation, publication):
    with installation.sessions.read() as session:
        return publications.get(session, publication).state


def test_a_moved_tag_is_asked_about_and_a_no_changes_nothing(at_terminal, repository, installation, moved):
    with at_terminal("publish", repository, "--tag", "v1.0.0") as shown:
        asked = shown.until(r"End the earlier attempt, .*\[y/N\]: ")
        assert "The tag v1.0.0 moved from commit" in asked
        shown.type("n\n")
        assert shown.ends() == 5
    assert "--supersede" in shown.shown
    assert state(installation, moved) == "failed"


def test_an_approval_is_asked_for_and_a_no_leaves_it_waiting(at_terminal, installation, waiting):
    with at_terminal("approve", waiting) as shown:
        assert "Wobble, version 1.0.0" in shown.until(r"A DOI is for ever\. \[y/N\]: ")
        shown.type("\n")
        assert shown.ends() == 5
    assert "is not approved, and waits on" in shown.shown
    assert state(installation, waiting) == "working"


def test_ctrl_c_is_no_approval(at_terminal, installation, waiting):
    with at_terminal("approve", waiting) as shown:
        shown.until(r"\[y/N\]: ")
        assert shown.break_off() != 0
    with installation.sessions.read() as session:
        assert publications.get(session, waiting).approved_at is None
