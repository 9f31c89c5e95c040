"""cite."""

import json
from dataclasses import replace

import pytest

from fakes import facts as recorded
from tagstone.domain.publications import record


@pytest.mark.parametrize("name", ["v1.0.0", "10.5072/tagstone.abc123", "https://doi.org/10.5072/tagstone.abc123"])
def test_a_record_is_cited_by_any_of_its_names(tagstone, installation, name):
    installation.publication()
    done = tagstone("cite", name)
    assert done.exit_code == 0
    assert done.stdout.startswith("@software{lovelace")


def test_csl_json_is_what_is_asked_for_and_nothing_else(tagstone, installation):
    publication = installation.publication()
    assert json.loads(tagstone("cite", publication, "--format", "csl-json").stdout)[0]["title"] == "Wobble"


def test_the_answer_for_programs_says_the_version_doi(tagstone, installation):
    publication = installation.publication()
    told = tagstone.json("cite", publication, "--style", "availability")
    assert (told["doi"], told["registered"], told["format"]) == ("10.5072/tagstone.abc123", False, "availability")
    assert "\\software{" in told["citation"]


def test_the_doi_of_all_versions_cites_the_newest_one(tagstone, installation):
    installation.publication()
    assert "doi = {10.5072/tagstone.abc123}" in tagstone("cite", "10.5072/tagstone.s1").stdout


def test_a_bundle_in_any_folder_can_be_cited(tagstone, tmp_path):
    (tmp_path / "tagstone.json").write_bytes(record.dump(recorded.facts()))
    for path in (tmp_path, tmp_path / "tagstone.json"):
        assert "Lovelace, A. (2026). Wobble" in tagstone("cite", str(path), "--format", "apa").stdout


def test_what_is_no_record_is_said_to_be_none(tagstone, tmp_path):
    (tmp_path / "tagstone.json").write_text("{}")
    assert tagstone("cite", str(tmp_path)).exit_code == 3


def test_a_rehearsal_cannot_be_cited(tagstone, installation):
    publication = installation.publication(recorded.rehearsal(), kind="rehearsal", state="rehearsed")
    done = tagstone("cite", publication)
    assert (done.exit_code, "rehearsal cannot be cited" in done.stderr) == (5, True)


@pytest.mark.parametrize("state", ["working", "failed", "cancelled"])
def test_what_is_not_published_cannot_be_cited(tagstone, installation, state):
    publication = installation.publication(state=state)
    assert tagstone("cite", publication).exit_code == 5


def test_a_style_and_a_format_exclude_each_other(tagstone, installation):
    done = tagstone("cite", installation.publication(), "--style", "availability", "--format", "ris")
    assert done.exit_code == 2


def test_no_title_reaches_the_terminal_as_control_characters(tagstone, installation):
    facts = recorded.facts()
    citation = facts.source.citation.replace("title: Wobble", 'title: "Wob\\u001b[31mble\\u202e"')
    publication = installation.publication(replace(facts, source=replace(facts.source, citation=citation)))
    for wanted in ("bibtex", "apa", "ris", "csl-json", "cff"):
        printed = tagstone("cite", publication, "--format", wanted).stdout
        assert "\x1b" not in printed
        assert "\u202e" not in printed
