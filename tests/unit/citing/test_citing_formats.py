"""Citations for reference managers and journals."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import facts as recorded
from tagstone.actions.cite import cite
from tagstone.domain.citations.availability import software_line
from tagstone.domain.citations.citation import parse_citation
from tagstone.domain.citations.citation_style import Format, Style
from tagstone.domain.citations.citing import bibtex
from tagstone.domain.citations.citing_formats import csl, ris
from tagstone.domain.deposits.deposit import Creator, DepositMetadata
from tagstone.domain.publications.record import Facts
from tagstone.errors import Conflict

DOI = "10.5072/tagstone.abc123"
ALL_VERSIONS = "10.5072/tagstone.s1"
# The properties of an item, and of a name, in csl-data.json 1.0.2, as far as a record may have them.
CSL_ITEM = {"id", "type", "title", "author", "issued", "version", "publisher", "DOI", "URL", "abstract", "keyword", "note"}
CSL_NAME = {"family", "given", "non-dropping-particle", "literal"}
NAMES = st.text(max_size=30)
PEOPLE = st.builds(Creator, NAMES, st.none() | NAMES, st.none() | NAMES, organisation=st.booleans())


def registered() -> Facts:
    return replace(recorded.facts(), deposit=recorded.deposit(registered=True))


def by(*creators: Creator) -> DepositMetadata:
    return replace(recorded.metadata(), creators=creators)


def person(given_name: str, family: str) -> Creator:
    return Creator(f"{family}, {given_name}", given_name, family)


@pytest.mark.parametrize("wanted", list(Format))
def test_every_format_names_the_version_by_its_own_doi_and_no_other(wanted: Format) -> None:
    text = cite(registered(), wanted)
    assert DOI in text
    assert ALL_VERSIONS not in text


@pytest.mark.parametrize("wanted", [*Format, *Style])
def test_an_identifier_that_is_not_registered_is_labelled_everywhere(wanted: Format | Style) -> None:
    assert "test identifier, not registered" in cite(recorded.facts(), wanted)
    assert "not registered" not in cite(registered(), wanted)


@pytest.mark.parametrize("wanted", [*Format, *Style])
def test_a_rehearsal_is_refused(wanted: Format | Style) -> None:
    with pytest.raises(Conflict, match="rehearsal"):
        cite(recorded.rehearsal(), wanted)


def test_a_data_set_is_cited_as_one() -> None:
    facts = recorded.facts()
    facts = replace(facts, source=replace(facts.source, citation=facts.source.citation + "type: dataset\n"))
    assert cite(facts, Format.BIBTEX).startswith("@dataset{")
    assert "[Data set]" in cite(facts, Format.APA)
    assert cite(facts, Format.RIS).startswith("TY  - DATA\n")
    assert json.loads(cite(facts, Format.CSL_JSON))[0]["type"] == "dataset"


def test_csl_json_has_what_the_schema_knows() -> None:
    (item,) = json.loads(cite(registered(), Format.CSL_JSON))
    assert item["issued"] == {"date-parts": [[2026, 3, 1]]}
    assert item["author"] == [{"family": "Lovelace", "given": "Ada"}]
    assert (item["DOI"], item["URL"]) == (DOI, f"https://doi.org/{DOI}")


def test_ris_is_one_record_from_type_to_end() -> None:
    lines = cite(registered(), Format.RIS).splitlines()
    assert (lines[0], lines[-1]) == ("TY  - COMP", "ER  - ")
    assert {"AU  - Lovelace, Ada", "TI  - Wobble", "PY  - 2026", f"DO  - {DOI}", "ET  - 1.0.0"} <= set(lines)


def test_cff_can_be_read_again_and_has_the_doi() -> None:
    citation, faults = parse_citation(cite(recorded.facts(), Format.CFF))
    assert citation is not None
    assert (citation.doi, faults) == (DOI, ())


@pytest.mark.parametrize(
    ("creator", "name"),
    [
        (person("Jan", "van der Berg"), {"family": "Berg", "given": "Jan", "non-dropping-particle": "van der"}),
        (person("John", "von Neumann"), {"family": "Neumann", "given": "John", "non-dropping-particle": "von"}),
        (person("Jean", "d'Alembert"), {"family": "d'Alembert", "given": "Jean"}),
        (person("Sofia", "Ковалевская"), {"family": "Ковалевская", "given": "Sofia"}),
        (Creator("The Wobble Team", organisation=True), {"literal": "The Wobble Team"}),
        (Creator("毛沢東"), {"literal": "毛沢東"}),
    ],
)
def test_names_are_told_in_their_parts(creator: Creator, name: dict[str, str]) -> None:
    assert csl(by(creator), recorded.deposit())["author"] == [name]


def test_a_comma_or_an_and_in_a_name_makes_no_second_author() -> None:
    metadata = by(person("Ada", "Smith and Sons, Ltd"), Creator("Research and Sons", organisation=True))
    assert "author = {{Smith and Sons, Ltd}, Ada and {Research and Sons}}" in bibtex(metadata, recorded.deposit())
    assert "AU  - Smith and Sons Ltd, Ada\n" in ris(metadata, recorded.deposit())


@given(st.lists(PEOPLE, max_size=3), st.text(max_size=40), st.text(max_size=20))
def test_whatever_people_are_called_every_format_stays_whole(people: list[Creator], title: str, version: str) -> None:
    metadata = replace(recorded.metadata(title), creators=tuple(people), version=version, description=title, keywords=(title,))
    deposit = recorded.deposit()
    item = csl(metadata, deposit)
    assert set(item) <= CSL_ITEM
    authors = item.get("author", [])
    assert isinstance(authors, list)
    assert all(set(name) <= CSL_NAME and all(name.values()) for name in authors)
    json.dumps(item).encode()
    lines = ris(metadata, deposit).splitlines()
    assert all(re.match(r"[A-Z][A-Z0-9]  - ", line) for line in lines)
    for text in (bibtex(metadata, deposit), software_line(metadata)):
        bare = text.replace("\\{", "").replace("\\}", "")
        depth = 0
        for character in bare:
            depth += (character == "{") - (character == "}")
            assert depth >= 0
        assert depth == 0


def test_the_paragraph_says_where_code_image_outputs_and_inputs_are() -> None:
    facts = replace(registered(), source=replace(registered().source, inputs=(recorded.given("data/stars.fits", b"stars"),)))
    text = cite(facts, Style.AVAILABILITY)
    assert f"The code of Wobble, version 1.0.0 (commit cccccccccccc), is archived at https://doi.org/{DOI}" in text
    assert "under the licence MIT" in text
    assert facts.image is not None
    assert facts.image.image.digest in text
    assert "2 files (7 B) made by this code in this image are archived" in text
    assert "Inputs were taken from https://data.example/data/stars.fits." in text


def test_the_paragraph_names_the_doi_of_all_versions_only_as_that() -> None:
    lines = [line for line in cite(registered(), Style.AVAILABILITY).splitlines() if ALL_VERSIONS in line]
    assert len(lines) == 1
    assert lines[0].startswith("All versions: ")


def test_results_made_elsewhere_are_not_passed_for_results_of_the_run() -> None:
    facts = registered()
    facts = replace(facts, outputs=(replace(recorded.output("table.csv", b"1"), brought=True),))
    text = cite(facts, Style.AVAILABILITY)
    assert "made elsewhere (not run by Tagstone)" in text
    assert "made by this code" not in text


def test_the_software_line_uses_the_key_of_the_entry_below_it() -> None:
    text = cite(registered(), Style.AVAILABILITY)
    key = re.search(r"@software\{([^,]+),", text)
    assert key is not None
    assert rf"\software{{Wobble 1.0.0 \citep{{{key[1]}}}}}" in text
