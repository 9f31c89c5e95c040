"""The works that a citation names, and the people in it who work at several places."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.citations.citation import EXAMPLE, affiliations_of, parse_citation
from tagstone.domain.citations.cited_works import cited_works
from tagstone.domain.deposits.deposit import Affiliation, Related

CASES = Path(__file__).parents[2] / "assets" / "inveniordm"


def test_the_paper_to_cite_instead_is_what_the_work_supplements() -> None:
    text = (CASES / "paper-with-several-affiliations" / "CITATION.cff").read_text("utf-8")
    assert cited_works(text) == (
        Related("10.1051/0004-6361/202449999", "issupplementto", "doi", "article"),
        Related("10.3847/1538-4357/ac7c74", "references", "doi", "software"),
    )


def test_identifiers_of_the_work_itself_are_no_other_works_but_a_preprint_is() -> None:
    text = (CASES / "many-identifiers" / "CITATION.cff").read_text("utf-8")
    assert cited_works(text) == (
        Related("2103.06681", "issupplementto", "arxiv", "preprint"),
        Related("astro-ph/0601001", "references", "arxiv", "preprint"),
    )


def test_a_citation_without_other_works_names_none() -> None:
    assert cited_works(EXAMPLE) == ()
    assert cited_works("") == ()


def test_each_work_is_named_once_whatever_its_case() -> None:
    text = (CASES / "references-of-all-kinds" / "CITATION.cff").read_text("utf-8")
    identifiers = [work.identifier.lower() for work in cited_works(text)]
    assert len(identifiers) == len(set(identifiers)) == 9


def test_affiliations_are_parted_by_semicolons_of_any_script_and_stand_once() -> None:
    assert affiliations_of(" A (https://ror.org/03mrbr458) ;B; B;; https://ror.org/01ggx4157") == (
        Affiliation("A", "03mrbr458"),
        Affiliation("B"),
        Affiliation("https://ror.org/01ggx4157", "01ggx4157"),
    )
    assert affiliations_of("北京大学；清华大学") == (Affiliation("北京大学"), Affiliation("清华大学"))  # noqa: RUF001


@given(st.text(max_size=60))
def test_any_text_that_is_a_citation_has_works_and_no_error(text: str) -> None:
    written = EXAMPLE + text
    if parse_citation(written)[0] is not None:
        assert isinstance(cited_works(written), tuple)
