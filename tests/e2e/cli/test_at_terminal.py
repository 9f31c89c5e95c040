"""A person at a terminal, on real engines: lets go of a run, stops it, approves a release."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.terminal import terminal

pytestmark = pytest.mark.engines
GIT = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture
def at_terminal(tagstone):
    """Starts the program in a terminal."""

    def start(*arguments: str):
        command = [sys.executable, "-P", "-m", "tagstone", *arguments]
        return terminal(command, os.environ | {"TAGSTONE_HOME": str(tagstone.home)})

    return start


@pytest.fixture
def tag(repository: Path) -> Callable[[str, str, str], None]:
    """Commits another analysis, with more in the manifest, and tags it."""

    def commit(name: str, analysis: str, more: str = "") -> None:
        (repository / "analysis.sh").write_text(analysis)
        (repository / "tagstone.yml").write_text((repository / "tagstone.yml").read_text() + more)
        for command in (["add", "--all"], ["commit", "-qm", name], ["tag", name]):
            subprocess.run(["git", "-C", repository, *GIT, *command], check=True)

    return commit


def test_who_lets_go_of_a_run_can_stop_it_later(tagstone, at_terminal, repository, tag):
    tag("v2.0.0", "mkdir results; echo begun > results/a; sleep 600\n")
    with at_terminal("publish", str(repository), "--tag", "v2.0.0") as shown:
        shown.until(r"●\s+run", 180)
        shown.type("\x03")
        assert shown.ends() == 130
    assert "goes on without you" in shown.shown
    assert tagstone.json("show", "v2.0.0")["state"] == "working"
    assert tagstone("cancel", "v2.0.0").returncode == 0
    deadline = time.monotonic() + 120
    while (standing := tagstone.json("show", "v2.0.0"))["state"] != "cancelled":
        assert time.monotonic() < deadline, standing
        time.sleep(0.5)
    assert standing["doi"] is None


def test_what_waits_for_approval_is_released_at_a_yes(tagstone, at_terminal, repository, tag):
    tag("v3.0.0", "mkdir results; echo done > results/a\n", "deposit: {review: true}\n")
    asked = tagstone("publish", str(repository), "--tag", "v3.0.0")
    assert asked.returncode == 0, asked.stderr
    assert "waits for approval: `tagstone approve" in asked.stdout
    with at_terminal("approve", "v3.0.0") as shown:
        shown.until(r"A DOI is for ever\. \[y/N\]: ", 60)
        shown.type("y\n")
        assert shown.ends(180) == 0
    assert "is published" in shown.shown
    assert tagstone.json("show", "v3.0.0")["state"] == "published"
    assert "waits" not in tagstone("show", "v3.0.0").stdout
