"""What a record stands on, as depositories are told it."""

from dataclasses import replace

import pytest

from fakes import facts as recorded
from tagstone.domain.citations.foundations import foundations
from tagstone.domain.code.project_url import tag_page
from tagstone.domain.deposits.deposit import Related
from tagstone.domain.publications.record import Facts


def _kept_by(registry: str) -> Facts:
    facts = recorded.facts()
    assert facts.image is not None
    return replace(facts, image=replace(facts.image, registry=registry))


def test_the_image_is_the_address_of_its_manifest_where_a_registry_keeps_it() -> None:
    facts = _kept_by("registry.example.org:5000/science")
    assert facts.image is not None
    address = f"https://registry.example.org:5000/v2/science/wobble/manifests/{facts.image.image.digest}"
    assert Related(address, "requires", "url", "software") in foundations(facts)
    for registry in ("", "localhost:5000", "127.0.0.1:5000/science", "[::1]:5000"):
        assert not [work for work in foundations(_kept_by(registry)) if work.relation == "requires"]


def test_input_data_is_named_by_its_doi_once() -> None:
    one, other = (
        replace(recorded.given(path, b"x"), doi=doi) for path, doi in (("a", "10.5281/zenodo.1"), ("b", "10.5281/zenodo.1"))
    )
    facts = recorded.facts(inputs=(one, other, recorded.given("c", b"y")))
    assert [work for work in foundations(facts) if work.kind == "dataset"] == [
        Related("10.5281/zenodo.1", "isderivedfrom", "doi", "dataset")
    ]


def test_the_archived_code_is_a_part_of_the_record() -> None:
    assert Related("swh:1:dir:" + "d" * 40, "haspart", "swh", "software") in foundations(recorded.facts())


def test_a_rehearsal_of_a_local_project_stands_on_nothing_that_others_could_find() -> None:
    facts = recorded.rehearsal()
    project = replace(facts.source.project, url=None)
    assert foundations(replace(facts, source=replace(facts.source, project=project, swhid=""))) == ()


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://gitlab.example.org/geo/wobble", "https://gitlab.example.org/geo/wobble/-/tree/v1.0%2B1"),
        ("https://github.com/geo/wobble.git", "https://github.com/geo/wobble/tree/v1.0%2B1"),
        ("https://codeberg.org/geo/wobble/", "https://codeberg.org/geo/wobble/src/tag/v1.0%2B1"),
        ("https://example.org/wobble", None),
        ("git@gitlab.example.org:geo/wobble", None),
        ("https://gitlab.example.org", None),
        ("https://[", None),
    ],
)
def test_a_tag_has_a_page_where_the_forge_is_known(url: str, page: str | None) -> None:
    assert tag_page(url, "v1.0+1") == page
