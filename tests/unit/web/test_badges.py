"""A project's badge shows the DOI of its newest record on other sites' pages, and leads there."""

from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient

from fakes.installation import Installation
from tagstone.domain.publications.publication import State


def test_the_badge_shows_the_newest_doi_and_may_be_shown_elsewhere(web: TestClient, installation: Installation):
    installation.publication()
    answer = web.get("/projects/1/badge.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    picture = ET.fromstring(answer.text)
    assert "10.5072/tagstone.abc123" in "".join(picture.itertext())


def test_it_leads_to_the_newest_record(web: TestClient, installation: Installation):
    publication = installation.publication()
    answer = web.get("/projects/1/newest")
    assert (answer.status_code, answer.headers["location"]) == (302, f"/records/{publication}")


@pytest.mark.parametrize("address", ["/projects/1/badge.svg", "/projects/1/newest", "/projects/0/badge.svg"])
def test_a_project_without_a_record_has_none(web: TestClient, installation: Installation, address: str):
    installation.publication(state=State.WORKING)
    assert web.get(address).status_code == 404


def test_a_hostile_identifier_stays_text(web: TestClient, installation: Installation):
    installation.publication(doi='10.1/"><script>alert(1)</script>\x07')
    picture = ET.fromstring(web.get("/projects/1/badge.svg").text)
    assert not [part for part in picture.iter() if part.tag.endswith("script")]
