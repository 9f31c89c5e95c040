"""The catalogue: what is published, newest first, and what to do when nothing is."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from fakes import facts as recorded
from fakes.installation import NOW, Installation


def _another(number: int, **columns: object) -> dict[str, Any]:
    return {"id": f"p{number:016x}", "title": f"Analysis {number}", "created_at": NOW - number, **columns}


def test_an_empty_catalogue_says_how_to_publish_the_first(web: TestClient):
    page = web.get("/")
    assert page.status_code == 200
    assert "tagstone publish path/to/repository --tag v1.0.0" in page.text


def test_a_record_is_listed_with_title_version_authors_identifier_and_day(web: TestClient, installation: Installation):
    publication = installation.publication(title="Polar motion", version="2.1.0", doi="10.5072/tagstone.x1", finished_at=NOW)
    page = web.get("/").text
    for text in (
        f'href="/records/{publication}">Polar motion</a>',
        "2.1.0",
        "Ada Lovelace",
        "10.5072/tagstone.x1",
        "2026-03-01",
    ):
        assert text in page


def test_only_published_publications_are_listed(web: TestClient, installation: Installation):
    for number, state in enumerate(("queued", "working", "failed", "cancelled", "superseded", "rehearsed")):
        installation.publication(**_another(number, state=state))
    assert "Nothing is published yet" in web.get("/").text


def _listed(page: str) -> list[int]:
    return [int(number) for number in re.findall(r">Analysis (\d+)<", page)]


def _next(page: str, direction: str) -> str:
    found = re.search(rf'rel="{direction}" href="([^"]+)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_records_stand_newest_first_twenty_five_to_a_page_and_each_is_reached(web: TestClient, installation: Installation):
    for number in range(60):
        installation.publication(**_another(number))
    first = web.get("/").text
    second = web.get(_next(first, "next")).text
    third = web.get(_next(second, "next")).text
    assert [_listed(page) for page in (first, second, third)] == [[*range(25)], [*range(25, 50)], [*range(50, 60)]]
    assert 'rel="next"' not in third
    assert 'rel="prev"' not in first
    assert _listed(web.get(_next(third, "prev")).text) == [*range(25, 50)]
    assert _listed(web.get(_next(second, "prev")).text) == [*range(25)]


def test_records_of_one_moment_are_each_listed_once(web: TestClient, installation: Installation):
    for number in range(60):
        installation.publication(**_another(number, created_at=NOW))
    page, seen = web.get("/").text, []
    while True:
        seen += _listed(page)
        if 'rel="next"' not in page:
            break
        page = web.get(_next(page, "next")).text
    assert sorted(seen) == [*range(60)]


def test_behind_the_last_record_the_way_leads_back(web: TestClient, installation: Installation):
    installation.publication(**_another(1))
    assert "The list ends before this page" in web.get("/?older=0.0~p").text


@pytest.mark.parametrize(
    "query", ["older=x", "older=x~p", "newer=~", "year=x", "year=-1", "project=1e9", "contents=other", "year=" + "9" * 40]
)
def test_what_no_form_of_ours_asks_is_no_page(web: TestClient, query: str):
    assert web.get(f"/?{query}").status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_number_of_records(web: TestClient, installation: Installation):
    seen: list[str] = []
    event.listen(installation.sessions.engine, "before_cursor_execute", lambda *details: seen.append(details[2]))

    def queries() -> int:
        seen.clear()
        assert web.get("/").status_code == web.get("/publications").status_code == 200
        return len(seen)

    installation.publication(**_another(1))
    few = queries()
    for number in range(2, 30):
        installation.publication(**_another(number))
    assert queries() == few


def test_a_citation_that_cannot_be_read_any_more_leaves_the_page_standing(web: TestClient, installation: Installation):
    facts = recorded.facts()
    installation.publication(replace(facts, source=replace(facts.source, citation="no: citation")))
    assert "Wobble" in web.get("/").text


def test_only_the_first_authors_of_many_are_listed(web: TestClient, installation: Installation):
    authors = "".join(f"- {{family-names: Author{number}, given-names: A}}\n" for number in range(100))
    citation = f"cff-version: 1.2.0\nmessage: Cite it.\ntitle: Crowd\nlicense: MIT\nauthors:\n{authors}"
    facts = recorded.facts()
    installation.publication(replace(facts, source=replace(facts.source, citation=citation)))
    page = web.get("/").text
    assert "A Author5 and 94 more" in page
    assert "Author6" not in page
