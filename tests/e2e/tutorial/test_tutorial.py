"""The tutorial, done by a test from top to bottom: every `sh` block is run, every `text` block is what it says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
TUTORIAL = CHECKOUT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.engines


@dataclass(frozen=True)
class Part:
    """Commands that a reader types, the line they begin at, and what the tutorial promises that they say."""

    line: int
    commands: str
    said: str


def parts(text: str) -> Iterator[Part]:
    """The tutorial's commands in their order, each with the answer that stands right below."""
    blocks = list(_BLOCK.finditer(text))
    for number, block in enumerate(blocks):
        if block[1] != "sh":
            continue
        after = blocks[number + 1] if number + 1 < len(blocks) else None
        said = after[2] if after is not None and after[1] == "text" else ""
        yield Part(text[: block.start()].count("\n") + 1, block[2], said)


def promised(line: str) -> re.Pattern[str]:
    """A line of an answer as a pattern: `…` stands for what differs from one reader to the next."""
    return re.compile(r"\s*" + ".*".join(re.escape(piece.strip()) for piece in line.strip().split("…")) + r"\s*")


def missing(said: str, heard: str) -> list[str]:
    """The promised lines that were not heard in their order."""
    lines = iter(heard.splitlines())
    return [line for line in said.splitlines() if line.strip() and not any(promised(line).fullmatch(other) for other in lines)]


@pytest.fixture
def reader(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has just installed Tagstone: no settings, nothing published, a name in Git."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "tagstone"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m tagstone "$@"\n')
    program.chmod(0o755)
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ADA.items()}
    path = f"{programs}:{os.environ['PATH']}"
    return os.environ | identity | {"PATH": path, "TAGSTONE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}


_ADA = {"NAME": "Ada Lovelace", "EMAIL": "ada@example.org"}


def test_every_command_of_the_tutorial_does_what_it_says(reader: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path
    done = 0
    for part in parts(TUTORIAL.read_text(encoding="utf-8")):
        script = f"set -e\n{part.commands}\npwd >&3\n"
        read, write = os.pipe()
        with os.fdopen(read) as where:
            ended = subprocess.run(
                ["bash", "-c", f"exec 3>&{write}\n{script}"],
                cwd=place, env=reader, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, check=False, timeout=600, pass_fds=[write],
            )  # fmt: skip
            os.close(write)
            told = where.read().strip()
        assert ended.returncode == 0, f"{TUTORIAL.name}:{part.line}\n{part.commands}\n{ended.stdout}"
        assert missing(part.said, ended.stdout) == [], f"{TUTORIAL.name}:{part.line}\n{ended.stdout}"
        place, done = Path(told), done + 1
    assert done > 8
