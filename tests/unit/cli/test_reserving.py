"""Reserving a DOI before its tag exists, on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.small_project import CITATION, MANIFEST
from tagstone.cli.exit_codes import ExitCode

CommandLine = Any  # the fixture's class lives in conftest.py, which cannot be imported


@pytest.fixture
def there(tagstone: CommandLine, git: Callable[..., str], tmp_path: Path) -> Callable[..., Any]:
    """`tagstone reserve` in a repository that is sound."""
    for name, content in (("tagstone.yml", MANIFEST), ("CITATION.cff", CITATION)):
        (tmp_path / "wobble" / name).write_text(content)
    git("add", "--all")
    git("commit", "--quiet", "--message=Describe it")
    return lambda *arguments, json=False: (tagstone.json if json else tagstone)("reserve", str(tmp_path / "wobble"), *arguments)


def test_a_reserved_doi_is_printed_first_and_is_the_same_again(there: Callable[..., Any]) -> None:
    told = there("--version", "v9.0.0")
    assert told.exit_code == ExitCode.OK, told.output
    doi = told.stdout.split()[0]
    assert doi.startswith("10.5072/")
    assert "not registered" in told.stdout
    assert there("--version", "v9.0.0", json=True)["doi"] == doi


def test_a_reservation_is_given_up(there: Callable[..., Any]) -> None:
    doi = there("--version", "v9.0.0", json=True)["doi"]
    assert there("--version", "v9.0.0", "--discard", json=True) == {"version": "v9.0.0", "discarded": doi}
    assert there("--version", "v9.0.0", "--discard").exit_code == ExitCode.NOT_FOUND


def test_one_version_of_a_project_is_reserved_at_a_time(there: Callable[..., Any]) -> None:
    there("--version", "v9.0.0")
    refused = there("--version", "v9.1.0")
    assert refused.exit_code == ExitCode.CONFLICT
    assert "tagstone reserve --version v9.0.0 --discard" in refused.stderr
