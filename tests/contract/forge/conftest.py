"""Authors at both forges."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.authors import Author, FakeAuthor, GitAuthor


@pytest.fixture(params=["fake", "git"])
def author(request: pytest.FixtureRequest, tmp_path: Path) -> Author:
    """An author at the fake and at the real forge."""
    makers: dict[str, Callable[[], Author]] = {"fake": FakeAuthor, "git": lambda: GitAuthor(tmp_path)}
    return makers[request.param]()


@pytest.fixture
def git_author(tmp_path: Path) -> GitAuthor:
    """An author with git."""
    return GitAuthor(tmp_path)
