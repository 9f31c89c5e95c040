"""Servers that answer anything: every call ends, with an error of ours or with what was asked for, and tells nobody the token."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.clock import FakeClock
from fakes.scripted_server import Reply, ScriptedServer, scripted_server
from tagstone.adapters.gitlab.announcer import GitlabAnnouncer
from tagstone.adapters.gitlab.answers import moment, refusal
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.adapters.gitlab.projects import GitlabProjects
from tagstone.adapters.gitlab.registrar import GitlabRegistrar
from tagstone.domain.forges.remote import Link, RemoteProject
from tagstone.errors import Away, Permanent, TagstoneError, Temporary

TOKEN = "glpat-a-token-of-the-site"
SHA = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"
PROJECT = RemoteProject("lab", 17, "stars/wobble", "https://gitlab.example.org/stars/wobble", public=False)
HERE = "/api/v4/projects/17"
TAG = {"name": "v1", "commit": {"id": SHA, "committed_date": "2026-11-21T12:00:00.000+01:00"}, "protected": True}
Call = Callable[[GitlabSites], object]
CALLS: dict[str, Call] = {
    "project": lambda sites: GitlabProjects(sites).project("lab", 17),
    "tag": lambda sites: GitlabProjects(sites).tag(PROJECT, "v1"),
    "tags": lambda sites: list(GitlabProjects(sites).tags(PROJECT)),
    "level": lambda sites: GitlabProjects(sites).level(PROJECT, 3),
    "release": lambda sites: GitlabAnnouncer(sites).release(PROJECT, "v1", "x", [Link("DOI", "https://doi.org/1")]),
    "status": lambda sites: GitlabAnnouncer(sites).status(PROJECT, SHA, "running", "x", "https://x.example.org"),
    "comment": lambda sites: GitlabAnnouncer(sites).comment(PROJECT, SHA, "p1", "x"),
    "badge": lambda sites: GitlabAnnouncer(sites).badge(PROJECT, "https://x.example.org", "https://x.example.org"),
    "hook": lambda sites: GitlabRegistrar(sites, FakeClock()).hook(PROJECT, "https://x.example.org", "whsec_x"),
    "unhook": lambda sites: GitlabRegistrar(sites, FakeClock()).unhook(PROJECT, 1),
    "protect": lambda sites: GitlabRegistrar(sites, FakeClock()).protect(PROJECT, "v*"),
    "rotate": lambda sites: GitlabRegistrar(sites, FakeClock()).rotate(PROJECT, TOKEN, 30),
}
ANSWERS: dict[str, Reply] = {
    "HTML": Reply(200, body=b"<!DOCTYPE html><html>Sign in</html>", headers={"Content-Type": "text/html"}),
    "an empty answer": Reply(200),
    "a number": Reply(200, document=7),
    "null": Reply(200, body=b"null", headers={"Content-Type": "application/json"}),
    "a list of numbers": Reply(200, document=[1, 2, 3]),
    "a list of lists": Reply(200, document=[[{}]]),
    "texts for numbers": Reply(200, document={"id": "17", "path_with_namespace": 3, "access_level": "50", "commit": "x"}),
    "other numbers": Reply(200, document={"id": -1, "path_with_namespace": "a/b", "access_level": 10**30}),
    "deep JSON": Reply(200, body=b"[" * 200_000, headers={"Content-Type": "application/json"}),
    "half of JSON": Reply(200, body=b'{"id": 17, "path', headers={"Content-Type": "application/json"}),
    "a broken line": Reply(200, document={"id": 17}, cut=4),
    "no answer": Reply(dead=True),
    "an answer without end": Reply(200, endless=True),
    "a redirect elsewhere": Reply(302, headers={"Location": "http://127.0.0.1:9/api/v4/projects/17"}),
    "a redirect without end": Reply(302, headers={"Location": HERE}),
    "a redirect to nowhere": Reply(301),
    "an unknown status": Reply(299 + 119),
    "HTML of a proxy": Reply(502, body=b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "a strange message": Reply(400, document={"message": {"base": ["<script>\x1b[31m", {"x": [1]}]}}),
    "a compressed answer": Reply(200, body=b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}),
    "a wrong length of wait": Reply(429, headers={"Retry-After": "-5; DROP"}),
}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as served:
        yield served


def sites(server: ScriptedServer) -> GitlabSites:
    return GitlabSites({"lab": GitlabSite(server.url, TOKEN, silence=5.0)})


def _tried(call: Call, asked: GitlabSites) -> tuple[object, TagstoneError | None]:
    try:
        return call(asked), None
    except TagstoneError as error:
        return None, error


@pytest.mark.attack("answers of GitLab")
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", CALLS)
def test_whatever_comes_it_ends_with_an_error_of_ours(server: ScriptedServer, call: str, answer: str) -> None:
    server.otherwise = ANSWERS[answer]
    found, error = _tried(CALLS[call], sites(server))
    if error is None:
        assert (call, found) == ("unhook", None)  # what is removed needs no answer
    else:
        told = f"{error.message}{error.remedy}"
        assert error.remedy
        assert told.isprintable()
        assert TOKEN not in told
    assert len(server.asked) < 10


@pytest.mark.attack("answers of GitLab")
@pytest.mark.parametrize("call", CALLS)
def test_the_token_goes_to_its_server_alone(server: ScriptedServer, call: str) -> None:
    with scripted_server() as other:
        server.otherwise = Reply(302, headers={"Location": f"{other.url}{HERE}"})
        with pytest.raises(Permanent):
            CALLS[call](sites(server))
        assert other.asked == []
    assert {asked.headers.get("PRIVATE-TOKEN") for asked in server.asked} == {TOKEN}
    assert all(TOKEN not in asked.path for asked in server.asked)


def test_pages_that_lead_to_another_server_are_not_followed(server: ScriptedServer) -> None:
    with scripted_server() as other:
        link = f'<{other.url}{HERE}/repository/tags?page=2>; rel="next"'
        more = Reply(200, document=[TAG], headers={"X-Next-Page": "2", "Link": link})
        server.script("GET", f"{HERE}/repository/tags", more, Reply(200, document=[]))
        assert [tag.sha for tag in GitlabProjects(sites(server)).tags(PROJECT)] == [SHA]
        assert other.asked == []
    assert len(server.asked) == 2


@pytest.mark.attack("answers of GitLab")
def test_pages_without_end_have_one(server: ScriptedServer) -> None:
    server.otherwise = Reply(200, document=[TAG], headers={"X-Next-Page": "2"})
    taken = 0
    with pytest.raises(Permanent, match="no end"):
        for _ in GitlabProjects(sites(server)).tags(PROJECT):
            taken += 1
    assert taken == 1000


def test_a_redirect_that_stays_is_followed_for_looks(server: ScriptedServer) -> None:
    server.script("GET", "/api/v4/projects/old%2Fwobble", Reply(301, headers={"Location": HERE}))
    server.script("GET", HERE, Reply(200, document={"id": 17, "path_with_namespace": "new/wobble", "visibility": "private"}))
    assert GitlabProjects(sites(server)).project("lab", "old/wobble").path == "new/wobble"


@pytest.mark.attack("answers of GitLab")
def test_a_change_is_never_redirected(server: ScriptedServer) -> None:
    server.script("GET", f"{HERE}/hooks", Reply(200, document=[]))
    server.script("POST", f"{HERE}/hooks", Reply(307, headers={"Location": f"{HERE}/elsewhere"}))
    with pytest.raises(Permanent):
        GitlabRegistrar(sites(server), FakeClock()).hook(PROJECT, "https://x.example.org", "whsec_x")
    assert [asked.method for asked in server.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    "path", ["../../admin", "//evil.example.org/x", "a/b\r\nX: y", "a/b?x", "stars/wobble/../other", ".git/x", "a"]
)
def test_a_project_cannot_be_elsewhere(server: ScriptedServer, path: str) -> None:
    server.script(
        "GET", HERE, Reply(200, document={"id": 17, "path_with_namespace": path, "web_url": "https://evil.example.org/a/b"})
    )
    with pytest.raises(Permanent):
        GitlabProjects(sites(server)).project("lab", 17)


@pytest.mark.attack("answers of GitLab")
def test_a_forge_cannot_say_that_its_project_is_another_forges(server: ScriptedServer) -> None:
    told = {
        "id": 17,
        "path_with_namespace": "stars/wobble",
        "web_url": "https://gitlab.example.org/stars/wobble",
        "visibility": "public",
    }
    server.script("GET", HERE, Reply(200, document=told))
    assert GitlabProjects(sites(server)).project("lab", 17).url == f"{server.url}/stars/wobble"


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "v2"},
        {"commit": {}},
        {"commit": None},
        {"commit": {"id": "main", "committed_date": "2026-11-21T12:00:00Z"}},
        {"commit": {"id": SHA.upper(), "committed_date": "2026-11-21T12:00:00Z"}},
        {"commit": {"id": SHA}},
        {"commit": {"id": SHA, "committed_date": "yesterday"}},
        {"commit": {"id": SHA, "committed_date": 5}},
    ],
)
def test_a_tag_that_is_none_is_refused(server: ScriptedServer, changed: dict[str, Any]) -> None:
    server.otherwise = Reply(200, document=TAG | changed)
    with pytest.raises(Permanent):
        GitlabProjects(sites(server)).tag(PROJECT, "v1")


@pytest.mark.attack("answers of GitLab")
@pytest.mark.parametrize("said", ["true", 1, None, [], "yes"])
def test_only_true_means_protected(server: ScriptedServer, said: object) -> None:
    server.otherwise = Reply(200, document=TAG | {"protected": said})
    tag = GitlabProjects(sites(server)).tag(PROJECT, "v1")
    assert tag is not None
    assert not tag.protected


@pytest.mark.parametrize(("state", "level"), [("active", 40), ("blocked", 0), ("awaiting", 0), (None, 0)])
def test_who_is_blocked_has_no_level(server: ScriptedServer, state: object, level: int) -> None:
    server.otherwise = Reply(200, document={"id": 3, "access_level": 40, "state": state})
    assert GitlabProjects(sites(server)).level(PROJECT, 3) == level


def test_a_new_token_without_an_end_is_refused(server: ScriptedServer) -> None:
    server.otherwise = Reply(200, document={"token": "glpat-new", "expires_at": None})
    with pytest.raises(Permanent) as caught:
        GitlabRegistrar(sites(server), FakeClock()).rotate(PROJECT, TOKEN, 30)
    assert "glpat-new" not in caught.value.message


def test_silence_ends(server: ScriptedServer) -> None:
    gate = GitlabSites({"lab": GitlabSite("http://127.0.0.1:9", TOKEN, silence=0.5)})
    with pytest.raises(Away):
        GitlabProjects(gate).project("lab", 17)
    assert server.asked == []


def test_nothing_shows_the_token() -> None:
    assert TOKEN not in repr(GitlabSite("https://gitlab.example.org", TOKEN))


@given(st.integers(300, 599), st.binary(max_size=200), st.text(max_size=20), st.booleans())
def test_every_refusal_is_a_sentence(status: int, body: bytes, after: str, look: bool) -> None:
    error = refusal(status, {"Retry-After": after}, body, look=look)
    assert error.message.isprintable()
    assert error.message.endswith(".")
    if isinstance(error, Temporary):
        assert 1.0 <= error.delay <= 3600.0


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_reason_is_one_short_line(reason: object) -> None:
    for name in ("message", "error", "error_description"):
        error = refusal(400, {}, json.dumps({name: reason}).encode(), look=True)
        assert error.message.isprintable()
        assert len(error.message) < 400


@given(st.text() | st.integers() | st.none())
def test_times_are_times_or_nothing(text: object) -> None:
    found = moment(text)
    assert found is None or isinstance(found, float)
