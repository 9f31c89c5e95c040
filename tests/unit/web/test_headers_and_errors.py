"""What every answer bears, and how errors look."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fakes.installation import Installation
from tagstone import __version__
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.web import problems
from tagstone.web.rendering import Rendering


@pytest.mark.parametrize(
    "address", ["/", "/publications", "/health", "/static/style.css", "/static/logo.svg", "/nope", "/static/nope", "/?page=x"]
)
def test_every_answer_forbids_what_it_does_not_need(web: TestClient, address: str):
    headers = web.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_pages_load_nothing_from_elsewhere_and_have_nothing_inline(web: TestClient, installation: Installation):
    publication = installation.record({})
    for address in ("/", f"/records/{publication}", f"/publications/{publication}"):
        page = web.get(address).text
        assert "<style" not in page
        assert "<script" not in page
        assert 'style="' not in page
        assert 'src="http' not in page
    style = web.get("/static/style.css").text
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_can_be_walked_by_ear_and_keyboard(web: TestClient, installation: Installation):
    publication = installation.record({"plot.png": b"x"})
    for address in ("/", "/publications", f"/records/{publication}", f"/publications/{publication}", "/nope"):
        page = web.get(address).text
        assert '<html lang="en">' in page
        assert page.count("<h1>") == 1
        assert page.count("<main ") == 1
        assert '<a class="skip" href="#main">' in page
        assert page.count("<img ") == page.count(' alt="')


def test_only_looking_is_possible(web: TestClient, installation: Installation):
    publication = installation.record({})
    for address in ("/", f"/records/{publication}", "/publications"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert web.request(method, address).status_code == 405
        assert web.head(address).status_code == 200


def test_health_says_the_version(web: TestClient):
    answer = web.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})


def test_health_fails_when_the_database_cannot_be_read(web: TestClient, installation: Installation):
    installation.close()
    (installation.home / "tagstone.sqlite").write_bytes(b"not a database, but long enough to be taken for a broken one" * 20)
    answer = web.get("/health")
    assert answer.status_code == 500
    assert "sqlite" not in answer.text
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "address", ["/records/p" + "0" * 16, "/publications/p" + "0" * 16, "/records/x", "/records/p%00", "/nope", "/records/"]
)
def test_what_is_not_there_is_a_page_that_leads_on(web: TestClient, address: str):
    answer = web.get(address)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert 'href="/">All records</a>' in answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("gone", remedy="look"), 404),
        (Forbidden("no", remedy="ask"), 403),
        (Conflict("twice", remedy="once"), 409),
        (Invalid("wrong", remedy="right"), 422),
        (Temporary("busy", delay=7.4), 503),
        (Permanent("never", remedy="no"), 500),
    ],
)
def test_each_kind_of_error_has_its_status_and_says_what_to_do(error: TagstoneError, status: int):
    answer = _failing(error).get("/")
    assert answer.status_code == status
    assert error.message in answer.text
    assert error.remedy in answer.text
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)


def test_a_fault_of_ours_says_nothing_of_the_inside():
    answer = _failing(RuntimeError("password=hunter2")).get("/")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def _failing(error: Exception) -> TestClient:
    app = FastAPI()
    problems.install(app, Rendering(""))

    @app.get("/")
    def fail() -> None:
        raise error

    return TestClient(app, raise_server_exceptions=False)


def test_templates_and_style_are_part_of_the_package(browse: Callable[..., TestClient]):
    assert browse().get("/static/style.css").headers["content-type"].startswith("text/css")
    packages = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]["packages"]
    assert "service/tagstone" in packages
