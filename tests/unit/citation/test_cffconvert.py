"""Our verdict on CITATION.cff is cffconvert's, but where we say otherwise on purpose."""

from collections.abc import Callable
from pathlib import Path

from tagstone.actions.check import check_citation

DELIBERATE = {
    # file: (we take it, cffconvert takes it, why)
    "anchor-and-alias": (False, True, "a few bytes of anchors can ask for gigabytes"),
    "tag": (False, True, "tags belong to programs, not to a citation"),
    "author-without-a-name": (False, True, "a depository needs a name for every creator"),
    "orcid-check-digit": (False, True, "a mistyped ORCID credits somebody else"),
    "orcid-with-more-behind": (False, True, "the schema forgot to anchor its pattern"),
    "older-cff-version": (False, True, "one format is enough; 1.2.0 is from 2021"),
    "newer-licence": (True, False, "SPDX goes on, the schema's list stands still; a warning says so"),
    "flow-style": (True, False, "cffconvert looks for cff-version at a line's start only"),
    "json": (True, False, "cffconvert looks for cff-version at a line's start only"),
}


def _taken(file: Path) -> bool:
    return all(fault.warning for fault in check_citation(file.read_bytes()))


def test_our_verdict_is_cffconverts(
    citation_files: Callable[[str], list[Path]], cffconvert_says: Callable[[list[Path]], dict[Path, bool]]
) -> None:
    files = citation_files("valid") + citation_files("invalid") + citation_files("different")
    theirs = cffconvert_says(files)
    found = {file.stem: (_taken(file), theirs[file]) for file in files if _taken(file) is not theirs[file]}
    assert found == {name: (ours, other) for name, (ours, other, _) in DELIBERATE.items()}
    assert len(files) >= 40


def test_what_is_called_valid_is_valid(citation_files: Callable[[str], list[Path]]) -> None:
    assert [file.stem for file in citation_files("valid") if not _taken(file)] == []


def test_what_is_called_invalid_is_invalid(citation_files: Callable[[str], list[Path]]) -> None:
    assert [file.stem for file in citation_files("invalid") if _taken(file)] == []
