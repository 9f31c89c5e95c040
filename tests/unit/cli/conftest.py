"""A command line on an installation of its own: real rows and a real repository, and a queue whose work is done at once."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result

from fakes.installation import NOW, Installation
from tagstone.adapters.git import GitForge
from tagstone.bootstrap import Application
from tagstone.cli.application import application as command_line
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.settings import Settings
from tagstone.store import publications, steps


@dataclass
class PromptQueue:
    """Implements ports.WorkQueue: what is queued has ended, as `ends` says, before anybody can look."""

    ends: dict[str, object] = field(default_factory=dict)
    queued: list[tuple[str, int]] = field(default_factory=list)
    rests: bool = False

    def prepare(self) -> None:
        """Nothing to make."""

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Remember the attempt and end it."""
        assert isinstance(session, Session)
        self.queued.append((publication_id, attempt))
        row = publications.get(session, publication_id)
        row.state = State.PUBLISHED if kind == Kind.PUBLICATION else State.REHEARSED
        row.title, row.version, row.finished_at = "Wobble", "1.0.0", NOW
        for name, value in self.ends.items():
            setattr(row, name, value)
        if self.rests:
            steps.begin(session, publication_id, Step.REVIEW, NOW)
            steps.rest(session, publication_id, Step.REVIEW)


class Locks:
    """Worker locks: `alive` says whether anybody holds one."""

    alive = True

    def anybody(self) -> bool:
        return self.alive


class CommandLine:
    """The command line as a person has it, with the installation behind it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.queue, self.locks = PromptQueue(), Locks()
        self.application = Application(Settings(home=installation.home, _site=None))
        # Each part of the application is made when it is first asked for, or set.
        parts = {"sessions": installation.sessions, "engine": installation.sessions.engine, "storage": installation.storage}
        parts |= {"clock": installation.clock, "queue": self.queue, "locks": self.locks, "forge": GitForge()}
        self.application.__dict__.update(parts)

    def __call__(self, *arguments: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(command_line(), list(arguments), obj=lambda: self.application, input=answers)

    def json(self, *arguments: str) -> Any:
        """What a command with `--json` printed, which is one object and nothing else."""
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    home = tmp_path / "home"
    home.mkdir()
    made = Installation(home)
    yield made
    made.close()


@pytest.fixture
def tagstone(installation: Installation) -> CommandLine:
    return CommandLine(installation)


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Git in a repository at `tmp_path/wobble` with one commit and the tag v1.0.0."""
    folder = tmp_path / "wobble"
    folder.mkdir()
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]

    def call(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    call("init", "--quiet", "--initial-branch=main")
    (folder / "analysis.py").write_text("print('it wobbles')\n")
    call("add", "--all")
    call("commit", "--quiet", "--message=First")
    call("tag", "v1.0.0")
    return call


@pytest.fixture
def repository(git: Callable[..., str], tmp_path: Path) -> str:
    assert git("rev-parse", "HEAD")
    return str(tmp_path / "wobble")
