"""Our words on a deposit in an InvenioRDM's."""

import json
import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import facts as recorded
from tagstone.adapters.inveniordm.metadata import (
    NAME,
    TITLE,
    VERSION,
    WORD,
    Known,
    faults,
    publication_identifier,
    record_json,
    wanted,
)
from tagstone.domain.deposits.deposit import Access, Affiliation, Creator, DepositMetadata, Funding, PartLicence, Related

NOTHING = Known()
TEXT = st.text(max_size=20) | st.sampled_from(
    ["<script>alert(1)</script>", "\x00\x1b[31m", "\ud800", "x" * 3000, "<b>", " ", "\u202e"]
)


def described(**changes: Any) -> DepositMetadata:
    return replace(recorded.metadata(), **changes)


def told(metadata: DepositMetadata, known: Known = NOTHING) -> dict[str, Any]:
    said: dict[str, Any] = record_json(metadata, known)["metadata"]
    return said


def creator(of: Creator, known: Known = NOTHING) -> dict[str, Any]:
    said: dict[str, Any] = told(described(creators=(of,)), known)["creators"][0]
    return said


def test_a_publication_has_one_identifier_that_never_changes():
    assert publication_identifier("p0123456789abcdef") == "urn:uuid:4e667f6c-d10a-5cba-bceb-3cba6d5140fc"
    assert uuid.UUID(publication_identifier("p1").removeprefix("urn:uuid:")).version == 5
    assert {"scheme": "urn", "identifier": publication_identifier("p0123456789abcdef")} in told(described())["identifiers"]


def test_a_person_of_one_name_has_it_as_the_family_name():
    assert creator(Creator("Suharto"))["person_or_org"] == {"type": "personal", "family_name": "Suharto"}
    assert creator(Creator("Suharto", given="Suharto"))["person_or_org"] == {"type": "personal", "family_name": "Suharto"}


def test_an_orcid_that_the_server_would_refuse_is_left_out_and_named():
    for orcid in ("0000-0002-1825-0098", "0000-0004-0000-0000", "9999-0000-0000-0000", "x"):
        assert "identifiers" not in creator(Creator("Ada", orcid=orcid))["person_or_org"]
        assert any(orcid in fault for fault in faults(described(creators=(Creator("Ada", orcid=orcid),))))
    assert faults(described()) == ()


def test_affiliations_are_ids_where_the_site_knows_them_and_stand_once_each():
    places = tuple(
        Affiliation(name, ror) for name, ror in (("CERN", "01ggx4157"), ("AIP", "03mrbr458"), ("AIP", None), ("C", "01ggx4157"))
    )
    said = creator(Creator("Ada", affiliations=places), Known(affiliations=frozenset({"01ggx4157"})))
    assert said["affiliations"] == [{"id": "01ggx4157"}, {"name": "AIP"}]


def test_what_is_looked_up_is_what_can_be_looked_up():
    metadata = described(
        licences=("MIT", "LicenseRef-own"), funding=(Funding("EC", "00k4n6c32"), Funding("DFG")), repository="https://x.org/y"
    )
    assert wanted(metadata) == Known(
        frozenset({"mit", "licenseref-own"}), frozenset({"03mrbr458"}), frozenset({"00k4n6c32"}), code_repository=True
    )


def test_a_licence_that_the_site_does_not_know_is_told_by_name_and_address():
    said = told(described(licences=("MIT", "BlueOak-1.0.0", "LicenseRef-own")), Known(licences=frozenset({"mit"})))
    assert said["rights"] == [
        {"id": "mit"},
        {"title": {"en": "BlueOak-1.0.0"}, "link": "https://spdx.org/licenses/BlueOak-1.0.0.html"},
        {"title": {"en": "LicenseRef-own"}},
    ]


def test_which_licence_is_of_which_part_is_said_where_parts_have_their_own():
    parts = (PartLicence("outputs", "CC-BY-4.0"), PartLicence("image", "MIT"))
    said = told(described(part_licences=parts), Known(licences=frozenset({"mit", "cc-by-4.0"})))
    assert said["rights"] == [{"id": "mit"}, {"id": "cc-by-4.0"}]
    assert said["additional_descriptions"] == [
        {
            "description": "<p>Licence of the code: MIT.</p><p>Licence of the outputs: CC-BY-4.0.</p><p>Licence of the image: MIT.</p>",
            "type": {"id": "other"},
        }
    ]


@pytest.mark.parametrize(
    ("access", "embargo", "today", "answer"),
    [
        (Access.OPEN, None, "", {"record": "public", "files": "public"}),
        (Access.RESTRICTED, None, "", {"record": "restricted", "files": "restricted"}),
        (Access.EMBARGOED, "2026-03-02", "2026-03-02", {"record": "public", "files": "public"}),
        (Access.EMBARGOED, "2026-01-01", "", {"record": "public", "files": "public"}),
    ],
)
def test_access_is_what_was_asked_for(access: Access, embargo: str | None, today: str, answer: dict[str, object]):
    assert record_json(described(access=access, embargo=embargo), NOTHING, today=today)["access"] == answer


def test_an_embargo_closes_the_files_until_its_day_and_says_so_in_the_dates():
    metadata = described(access=Access.EMBARGOED, embargo="2027-01-31")
    access = record_json(metadata, NOTHING, today="2026-12-31")["access"]
    assert (access["record"], access["files"]) == ("public", "restricted")
    assert (access["embargo"]["active"], access["embargo"]["until"]) == (True, "2027-01-31")
    assert told(metadata)["dates"] == [{"date": "2027-01-31", "type": {"id": "available"}}]


def test_the_repository_has_a_field_of_its_own_where_the_site_has_one():
    metadata = described(repository="https://gitlab.example.org/a/b")
    assert record_json(metadata, Known(code_repository=True))["custom_fields"] == {
        "code:codeRepository": "https://gitlab.example.org/a/b"
    }
    assert "custom_fields" not in record_json(metadata, NOTHING)


def test_the_preview_is_asked_for_once_its_file_is_there():
    assert record_json(described(), NOTHING)["files"] == {"enabled": True}
    assert record_json(described(), NOTHING, preview="README.md")["files"] == {"enabled": True, "default_preview": "README.md"}


def test_an_image_is_named_by_an_address_never_by_a_bare_reference():
    bare = Related("registry.example.org/wobble@sha256:" + "a" * 64, "requires", "url", "software")
    address = Related("https://registry.example.org/v2/wobble/manifests/sha256:" + "a" * 64, "requires", "url", "software")
    assert [work["identifier"] for work in told(described(stands_on=(bare, address)))["related_identifiers"]] == [
        address.identifier
    ]


def test_the_tags_page_stands_for_the_repositorys():
    repository = Related("https://gitlab.example.org/a/b", "isderivedfrom", "url")
    tag = Related("https://gitlab.example.org/a/b/-/tree/v1", "isderivedfrom", "url", "software")
    metadata = described(repository=repository.identifier, related=(repository,))
    assert [work["identifier"] for work in told(metadata)["related_identifiers"]] == [repository.identifier]
    assert [work["identifier"] for work in told(replace(metadata, stands_on=(tag,)))["related_identifiers"]] == [tag.identifier]


def test_identifiers_that_are_none_and_unknown_relations_are_left_out():
    works = (
        Related("not a doi", "references"), Related("http://[", "references", "url"), Related("javascript:x", "references", "url"),
        Related("10.1/x", "references", "scheme"), Related("10.1234/x", "is-my-friend"), Related("https://x.org/\n", "references", "url"),
    )  # fmt: skip
    assert "related_identifiers" not in told(described(related=works))


def test_faults_name_what_could_not_be_kept():
    found = faults(described(title="<b>ab</b>", version="1" * (VERSION + 1), creators=()))
    assert [re.sub("[0-9]+", "N", fault) for fault in found] == [
        "The title 'ab' is shorter than N characters.",
        "The version has N characters; at most N are kept.",
        "There is no creator.",
    ]
    assert faults(described(title="x" * (TITLE + 1))) == (f"The title has {TITLE + 1} characters; at most {TITLE} are kept.",)


ANYBODY = st.builds(
    Creator, TEXT, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT, st.lists(st.builds(Affiliation, TEXT, st.none() | TEXT), max_size=3).map(tuple),
    st.booleans(), st.none() | TEXT, st.none() | TEXT,
)  # fmt: skip
ANYTHING = st.builds(
    DepositMetadata, st.from_regex("p[0-9a-f]{16}", fullmatch=True), TEXT, TEXT, TEXT, st.lists(ANYBODY, max_size=3).map(tuple), st.lists(TEXT, max_size=3).map(tuple),
    description=TEXT, keywords=st.lists(TEXT, max_size=4).map(tuple),
    related=st.lists(st.builds(Related, TEXT, TEXT | st.just("references"), TEXT | st.just("url"), TEXT), max_size=3).map(tuple),
    publisher=TEXT, kind=TEXT, part_licences=st.lists(st.builds(PartLicence, TEXT, TEXT), max_size=2).map(tuple),
    access=st.sampled_from(Access), embargo=st.none() | TEXT,
    funding=st.lists(st.builds(Funding, TEXT, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT), max_size=2).map(tuple),
    repository=st.none() | TEXT, stands_on=st.lists(st.builds(Related, TEXT, TEXT, TEXT), max_size=2).map(tuple),
)  # fmt: skip


@given(ANYTHING, st.booleans())
def test_whatever_anybody_wrote_the_draft_is_json_without_scripts_and_controls_and_within_limits(
    metadata: DepositMetadata, ask: bool
):
    body = record_json(metadata, wanted(metadata) if ask else NOTHING)
    faults(metadata)
    texts = list(_texts(json.loads(json.dumps(body).encode())))
    assert not [text for text in texts if re.search(r"<\s*/?\s*script", text, re.IGNORECASE)]
    assert not [text for text in texts if re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e]", text)]
    said = body["metadata"]
    assert len(said.get("title", "")) <= TITLE
    assert len(said.get("version", "")) <= VERSION
    assert all(0 < len(word["subject"]) <= WORD for word in said.get("subjects", ()))
    for one in said.get("creators", ()):
        who = one["person_or_org"]
        assert 0 < len(who.get("family_name") or who.get("name")) <= NAME
        places = [place.get("id") or place["name"] for place in one.get("affiliations", ())]
        assert len(set(places)) == len(places)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
