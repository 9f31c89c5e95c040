"""Citations and manifests as people write them, and the drafts that they become. `rigs.golden_deposits` writes them anew."""

import json
from pathlib import Path

import pytest

from rigs.golden_deposits import cases, made, written


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_repository_becomes_exactly_this_draft(case: Path):
    assert written(made(case)) == (case / "expected.json").read_text("utf-8")


def test_no_draft_says_anything_of_pids_so_that_a_reserved_doi_stays():
    assert all("pids" not in json.loads((case / "expected.json").read_text("utf-8")) for case in cases())
