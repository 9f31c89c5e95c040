"""A home and a repository of their own, and the command line as a program."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MANIFEST = """\
environment: {base: "debian:bookworm"}
run:
  command: [sh, analysis.sh]
  resources: {cpu: 1, memory: 256Mi, time: 2m, disk: 1Gi}
outputs: [results/*]
"""
CITATION = """\
cff-version: 1.2.0
message: Cite it.
title: Counting to five
authors:
- family-names: Lovelace
  given-names: Ada
license: MIT
"""
ANALYSIS = "set -e\nmkdir -p results\necho counting\nseq 1 5 > results/table.csv\n"


class Program:
    """`tagstone` as a person starts it, with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "tagstone", *arguments]
        env = os.environ | {"TAGSTONE_HOME": str(self.home)}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)

    def json(self, *arguments: str) -> Any:
        """The object that a command printed; it must have ended well."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program with a home that has no base yet."""
    program = Program(tmp_path_factory.mktemp("home"))
    yield program
    # Whatever a test that failed left at work is asked to end; a worker that drains then ends by itself.
    for row in program.json("list")["publications"]:
        if row["state"] in ("queued", "working"):
            program("cancel", row["publication"])


@pytest.fixture(scope="module")
def tagstone(empty: Program) -> Program:
    made = empty("base-image", "debian:bookworm")
    assert made.returncode == 0, made.stderr
    return empty


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repositories") / "counting"
    folder.mkdir()
    files = {"tagstone.yml": MANIFEST, "CITATION.cff": CITATION, "analysis.sh": ANALYSIS, "LICENSE": "MIT License\n"}
    for name, text in files.items():
        (folder / name).write_text(text)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-qm", "First"], ["tag", "v1.0.0"]):
        subprocess.run(["git", "-C", folder, *identity, *command], check=True)
    return folder
