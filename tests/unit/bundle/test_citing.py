"""How a record is cited."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import facts as recorded
from tagstone.domain.citations import citing
from tagstone.domain.citations.citation import Citation
from tagstone.domain.deposits.deposit import Creator, Related


def test_apa_has_authors_year_title_version_publisher_and_identifier():
    assert citing.apa(recorded.metadata(), recorded.deposit(registered=True)) == (
        "Lovelace, A., & The Wobble Team. (2026). Wobble (Version 1.0.0) [Computer software]. Tagstone. "
        "https://doi.org/10.5072/tagstone.abc123"
    )


def test_an_identifier_that_resolves_nowhere_is_no_link():
    assert citing.identifier(recorded.deposit()) == "doi:10.5072/tagstone.abc123 (test identifier, not registered)"


def test_a_rehearsal_has_no_identifier():
    assert "rehearsal" in citing.apa(recorded.metadata(), None)
    assert "rehearsal" in citing.bibtex(recorded.metadata(), None)


def test_bibtex_names_people_and_organisations_apart():
    entry = citing.bibtex(recorded.metadata(), recorded.deposit())
    assert entry.startswith("@software{lovelace2026wobble,\n")
    assert "  author = {Lovelace, Ada and {The Wobble Team}},\n" in entry
    assert "  note = {test identifier, not registered},\n" in entry


def test_bibtex_escapes_what_latex_would_read():
    entry = citing.bibtex(recorded.metadata("50 % of {A} & B_1 $x$ #1 \\input{x}"), recorded.deposit())
    assert r"50 \% of \{A\} \& B\_1 \$x\$ \#1 \textbackslash{}input\{x\}" in entry


@pytest.mark.parametrize(
    ("given_name", "initials"), [("Ada", "A."), ("Ada Augusta", "A. A."), ("Jean-Luc", "J. L."), ("Ålvar", "Å.")]
)
def test_given_names_become_initials(given_name: str, initials: str):
    metadata = replace(recorded.metadata(), creators=(Creator("x", given_name, "Y"),))
    assert citing.apa(metadata, None).startswith(f"Y, {initials} (2026)")


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_words_give_balanced_bibtex(title: str, name: str):
    metadata = replace(recorded.metadata(title), creators=(Creator(name, name, name),))
    entry = citing.bibtex(metadata, recorded.deposit())
    plain = entry.replace("\\{", "").replace("\\}", "")
    assert plain.count("{") == plain.count("}")
    assert citing.citation_key(metadata).isalnum()


def test_metadata_names_the_repository_and_the_manifests_works():
    facts = recorded.facts()
    citation = Citation("Wobble", (Creator("Ada"),), licences=("MIT",), abstract="It wobbles.")
    paper = Related("10.1051/0004-6361/1", "issupplementto")
    metadata = citing.metadata_for(facts, citation, (paper,))
    assert (metadata.publication, metadata.version, metadata.date) == (facts.publication, "1.0.0", "2026-03-01")
    assert metadata.related == (Related("https://example.org/wobble", "isderivedfrom", "url"), paper)


def test_before_the_run_the_date_is_the_commits():
    assert replace(recorded.facts(), run=None).date == "2023-11-14"
