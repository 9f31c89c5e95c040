"""The demo's repository, with its commit and tag."""

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks import ROOT

EXAMPLE = ROOT / "examples" / "chandler-wobble"
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def make_repository(folder: Path) -> Path:
    """Copy the example into a repository of its own with one commit, tagged v1.0.0."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("results", "__pycache__"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "v1.0.0")
    return folder


def commit(folder: Path, tag: str) -> None:
    """Commit all that is there, and tag it."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", f"--message={tag}")
    git(folder, "tag", "--annotate", f"--message={tag}", tag)


def git(folder: Path, *arguments: str) -> None:
    """Run Git in a folder, without anybody's configuration."""
    subprocess.run(["git", "-C", folder, *arguments], check=True, env=os.environ | GIT)
