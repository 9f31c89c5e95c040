"""Finding records: by words, by filters, quickly however many there are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from fakes import facts as recorded
from fakes.installation import NOW, Installation
from tagstone.asgi import create_app
from tagstone.bootstrap import Application
from tagstone.domain.environments.build import Package
from tagstone.domain.publications.record import Facts
from tagstone.domain.publications.search_words import words
from tagstone.settings import Settings
from tagstone.store import search
from tagstone.store.search import Mark, Wanted
from tagstone.store.tables import Publication, Word


def described(title: str, abstract: str = "", keywords: str = "", licence: str = "MIT", project: str = "wobble") -> Facts:
    text = f'cff-version: 1.2.0\nmessage: Cite it.\ntitle: "{title}"\nlicense: {licence}\nauthors:\n- {{family-names: Küstner, given-names: Friedrich}}\n'
    text += f'abstract: "{abstract}"\n' if abstract else ""
    text += f"keywords: [{keywords}]\n" if keywords else ""
    facts = recorded.facts()
    owner = replace(facts.source.project, key=f"example.org/{project}", name=project)
    return replace(facts, source=replace(facts.source, project=owner, title=title, citation=text))


def found(installation: Installation, **wanted: Any) -> list[str]:
    with installation.sessions.read() as session:
        return [str(row.title) for row in search.find(session, Wanted(**wanted), 25).rows]


@pytest.fixture
def add(installation: Installation) -> Callable[..., str]:
    numbers = iter(range(1, 10_000))

    def one(facts: Facts, **columns: Any) -> str:
        number = next(numbers)
        return installation.publication(facts, **{"id": f"p{number:016x}", "created_at": NOW - number, **columns})

    return one


def test_all_words_must_be_there_wherever_and_the_last_may_be_a_beginning(installation: Installation, add: Callable[..., str]):
    add(described("Polar motion since 1900", "The Chandler wobble decays.", "earth rotation"))
    add(described("Polar bears"))
    assert found(installation, text="polar") == ["Polar motion since 1900", "Polar bears"]
    assert found(installation, text="polar chand") == ["Polar motion since 1900"]
    assert found(installation, text="chand polar") == []
    assert found(installation, text="ROTATION bears") == []


@pytest.mark.parametrize(
    "text", ["kustner", "Küstner", "KÜSTNER, friedrich", "10.5072/tagstone.abc123", "1.0.0", "astropy", "stars"]
)
def test_authors_identifiers_versions_packages_and_projects_are_found_without_accents(
    installation: Installation, add: Callable[..., str], text: str
):
    facts = described("Light curves", project="stars")
    assert facts.image is not None
    packages = (Package("pypi", "astropy", "8.0"), Package("deb", "libc6", "2.36"))
    add(replace(facts, image=replace(facts.image, packages=packages)))
    assert found(installation, text=text) == ["Light curves"]
    assert found(installation, text="libc6") == []


def test_filters_are_for_year_licence_project_and_what_a_record_holds(installation: Installation, add: Callable[..., str]):
    add(described("With outputs"))
    add(replace(described("Environment", licence="Apache-2.0"), run=None, outputs=()))
    made = recorded.output("a.csv", b"1")
    add(replace(described("Brought", project="other"), run=None, outputs=(replace(made, brought=True),)))
    assert found(installation, contents="environment") == ["Environment"]
    assert found(installation, contents="brought") == ["Brought"]
    assert found(installation, licence="Apache-2.0") == ["Environment"]
    assert found(installation, year=2026) == ["With outputs"]
    assert found(installation, year=2023, contents="brought") == ["Brought"]
    with installation.sessions.read() as session:
        projects = {name: number for number, name in search.projects(session)}
        assert search.years(session) == [2026, 2023]
        assert search.licences(session) == ["Apache-2.0", "MIT"]
    assert found(installation, project=projects["other"]) == ["Brought"]
    assert found(installation, project=projects["other"], text="outputs") == []


def test_a_question_of_signs_alone_finds_nothing(installation: Installation, add: Callable[..., str]):
    add(described("Something"))
    assert found(installation, text="!!! --") == []
    assert found(installation, text="   ") == ["Something"]


def test_what_is_not_published_is_not_found(installation: Installation, add: Callable[..., str]):
    add(described("Hidden"), state="failed")
    add(described("Tried"), state="rehearsed", kind="rehearsal")
    assert found(installation, text="hidden") == found(installation, text="tried") == found(installation) == []


@pytest.mark.parametrize("few", [300, 3])
def test_common_words_are_found_page_by_page_like_rare_ones(installation: Installation, few: int):
    for number in range(12):
        installation.publication(described("Sunspots"), id=f"p{number:016x}", created_at=NOW - number // 3)
    seen: list[str] = []
    older: Mark | None = None
    with installation.sessions.read() as session:
        while True:
            page = search.find(session, Wanted(text="sun"), 5, older, few=few)
            seen += [row.id for row in page.rows]
            if page.older is None:
                break
            older = page.older
        back = search.find(session, Wanted(text="sun"), 5, newer_than=page.newer, few=few)
    assert seen == [f"p{number:016x}" for number in range(12)]
    assert [row.id for row in back.rows] == seen[5:10]


NAMES = ("sun", "pole", "star", "dust")
TITLES = [" ".join(f"{name}{number % 4}" for name in NAMES if number % len(name)) for number in range(1, 25)]


@pytest.mark.parametrize("few", [300, 4, 1])
@given(
    text=st.lists(st.sampled_from(["sun", "sun1", "pole2", "st", "dust3", "s", "wobble", "moon"]), max_size=3).map(" ".join),
    year=st.sampled_from([None, 2026, 1999]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_however_many_records_a_word_has_those_are_found_that_have_all_words(
    installation: Installation, few: int, text: str, year: int | None
):
    with installation.sessions.read() as session:
        empty = session.query(Publication).first() is None
    if empty:
        for number, title in enumerate(TITLES):
            installation.publication(described(title), id=f"p{number:016x}", created_at=NOW - number)
    wanted = Wanted(text=text, year=year)
    with installation.sessions.read() as session:
        having = {
            row.id: {word.word for word in session.query(Word).filter_by(publication_id=row.id)}
            for row in session.query(Publication)
        }
        page = search.find(session, wanted, 100, few=few)
    assert [row.id for row in page.rows] == [
        name
        for name, its_words in sorted(having.items())
        if its_words.issuperset(wanted.exact) and any(word.startswith(wanted.beginning or "") for word in its_words)
    ]


def test_the_page_asks_again_what_was_asked(web: TestClient, add: Callable[..., str]):
    for number in range(30):
        add(described(f"Sunspots & <b> {number}"))
    page = web.get("/?q=sunspots+%26&licence=MIT&contents=outputs").text
    assert 'value="sunspots &amp;"' in page
    assert "<option selected>MIT</option>" in page
    assert "30 records match" in page
    assert 'rel="next" href="/?q=sunspots+%26&amp;licence=MIT&amp;contents=outputs&amp;older=' in page


def test_nothing_found_says_so(web: TestClient, add: Callable[..., str]):
    add(described("Something"))
    page = web.get("/?q=unheard").text
    assert "No record has all of that" in page
    assert "Nothing is published yet" not in page


def test_what_an_earlier_version_published_is_found_once_the_server_starts(installation: Installation, add: Callable[..., str]):
    publication = add(described("Early work"))
    with installation.sessions.write() as session:
        for word in session.query(Word):
            session.delete(word)
        session.get_one(Publication, publication).year = None
    assert found(installation, text="early") == []
    application = Application(Settings(home=installation.home))
    application.sessions = installation.sessions
    create_app(application)
    assert found(installation, text="early") == ["Early work"]


def test_a_question_takes_a_bounded_number_of_queries(web: TestClient, installation: Installation, add: Callable[..., str]):
    seen: list[str] = []
    event.listen(installation.sessions.engine, "before_cursor_execute", lambda *details: seen.append(details[2]))
    for number in range(40):
        add(described(f"Analysis {number}"))
    seen.clear()
    web.get("/?q=" + "+".join(f"word{number}" for number in range(100)))
    assert len(seen) < 30


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), older=st.text(max_size=20))
def test_any_question_is_answered(web: TestClient, text: str, older: str):
    text = text.encode("utf-8", "replace").decode()
    assert web.get("/", params={"q": text}).status_code == 200
    assert web.get("/", params={"older": older.encode("utf-8", "replace").decode()}).status_code in {200, 404}


@given(text=st.text(max_size=200))
def test_words_are_short_lower_case_and_found_again(text: str):
    for word in words(text):
        assert 0 < len(word) <= 48
        assert words(word) == [word]
        assert ":" not in word
