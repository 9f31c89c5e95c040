"""Publications through the API: what is answered, to whom, and what may be done."""

import json
from typing import Any

import pytest

from fakes.installation import NOW
from tagstone.domain.people.viewer import Role, Scope
from tagstone.domain.publications.publication import Step
from tagstone.errors import Away
from tagstone.store.tables import ApiToken, Publication

World = Any  # the fixture's class lives in conftest.py, which cannot be imported

# Who asks: their level in the private project 17, their role, and what their token is good for.
PEOPLE: dict[str, tuple[int, Role | None, frozenset[Scope]]] = {
    "stranger": (0, None, frozenset(Scope)),
    "guest": (10, None, frozenset(Scope)),
    "reporter": (20, None, frozenset(Scope)),
    "developer": (30, None, frozenset(Scope)),
    "maintainer": (40, None, frozenset(Scope)),
    "maintainer, token to read": (40, None, frozenset((Scope.READ,))),
    "maintainer, token to publish": (40, None, frozenset((Scope.READ, Scope.PUBLISH))),
    "curator": (0, Role.CURATOR, frozenset(Scope)),
    "curator, token to read": (0, Role.CURATOR, frozenset((Scope.READ,))),
    "admin": (0, Role.ADMIN, frozenset(Scope)),
}
SEE = {"reporter", "developer", "maintainer", "maintainer, token to read", "maintainer, token to publish"}
SEE |= {"curator", "curator, token to read", "admin"}
WORK = {"developer", "maintainer", "maintainer, token to publish", "curator", "admin"}
APPROVE = {"maintainer", "curator", "admin"}


def token_of(world: World, who: str) -> str | None:
    if who == "nobody":
        return None
    level, role, scopes = PEOPLE[who]
    token: str = world.token(world.person(who, 5, role, {17: level}), scopes)
    return token


@pytest.mark.parametrize("who", ["nobody", *PEOPLE])
def test_what_is_not_released_of_a_private_project_is_seen_by_its_members_alone(world: World, who: str):
    publication, token = world.publication(), token_of(world, who)
    world.installation.log(publication, "run-1", [b"it ran\n"])
    expected = 200 if who in SEE else 404
    for path in ("", "/logs/run-1"):
        assert world.get(f"/publications/{publication}{path}", token).status_code == expected
    listed = world.get("/publications", token).json()
    assert ([one["id"] for one in listed["publications"]], listed["total"]) == (([publication], 1) if who in SEE else ([], 0))
    known = {one["key"] for one in world.get("/projects", token).json()["projects"]}
    assert "gitlab.test/stars/timing" in known
    assert ("gitlab.test/stars/wobble" in known) == (who in SEE)


@pytest.mark.parametrize("who", ["nobody", *PEOPLE])
@pytest.mark.parametrize(("what", "may"), [("retry", WORK), ("cancel", WORK), ("approve", APPROVE)])
def test_what_may_be_done_with_a_project_follows_its_members(world: World, who: str, what: str, may: set[str]):
    publication = world.publication(state="failed" if what == "retry" else "working")
    if what == "approve":
        world.installation.step(publication, Step.REVIEW, "waiting")
    answer = world.post(
        f"/publications/{publication}/{what}", token_of(world, who), {"attempt": 1} if what == "approve" else None
    )
    expected = 200 if who in may else 403 if who in SEE else 404
    assert answer.status_code == expected, answer.text
    assert bool(world.pipelines.queue.queued) == (who in may and what != "cancel")


@pytest.mark.parametrize("who", ["nobody", "stranger", "developer"])
def test_a_public_project_is_seen_by_everybody_and_worked_on_by_its_members(world: World, who: str):
    publication = world.publication(18, state="failed")
    token = None if who == "nobody" else world.token(world.person(who, 5, levels={18: 30 if who == "developer" else 0}))
    assert world.get(f"/publications/{publication}", token).status_code == 200
    assert world.post(f"/publications/{publication}/retry", token).status_code == (200 if who == "developer" else 403)


def test_a_record_of_a_private_project_is_for_everybody_and_its_logs_are_not(world: World):
    publication = world.publication(state="published", step=None, finished_at=NOW)
    world.installation.log(publication, "build-1", [b"secret path\n"])
    assert world.get(f"/publications/{publication}").json()["record"].endswith(f"/records/{publication}")
    assert world.get(f"/publications/{publication}/logs/build-1").status_code == 404
    assert world.get(f"/records/{publication}").status_code == 200


def test_local_projects_are_seen_by_everybody_only_where_one_person_runs_the_service(world: World):
    publication = world.publication(None)
    assert world.get(f"/publications/{publication}").status_code == 404
    assert world.get(f"/publications/{publication}", world.token(world.person("cora", role=Role.CURATOR))).status_code == 200
    world.single = True
    world.__post_init__()
    assert world.get(f"/publications/{publication}").status_code == 200


@pytest.mark.attack("API")
def test_what_one_may_not_see_is_answered_like_what_is_not_there(world: World):
    hidden, missing = world.publication(), "p" + "0" * 16
    answers = [world.get(f"/publications/{one}").text.replace(one, "ID") for one in (hidden, missing)]
    assert answers[0] == answers[1]


def test_where_a_publication_stands_is_told_with_what_is_not_known_as_null(world: World):
    publication = world.publication(18, waiting="waits for a worker", doi=None, concept_doi=None)
    said = world.get(f"/publications/{publication}").json()
    assert said["id"] == publication
    assert (said["project"], said["tag"], said["state"], said["step"]) == (
        "gitlab.test/stars/timing",
        "v1.0.0",
        "working",
        "run",
    )
    assert (said["waiting"], said["error"], said["doi"], said["record"]) == ("waits for a worker", None, None, None)


def test_a_membership_is_asked_for_once_a_minute(world: World):
    publication, token = world.publication(), world.token(world.person("rita", 5, levels={17: 20}))
    for _ in range(3):
        assert world.get(f"/publications/{publication}", token).status_code == 200
    assert world.pipelines.forges.asked.count("level") == 1
    world.pipelines.forges.levels.clear()
    world.installation.clock.advance(61)
    assert world.get(f"/publications/{publication}", token).status_code == 404


def test_while_gitlab_is_away_nothing_is_shown_that_it_does_not_vouch_for(world: World):
    publication, token = world.publication(), world.token(world.person("rita", 5, levels={17: 20}))
    world.pipelines.forges.trouble = Away("GitLab is away.")
    answer = world.get(f"/publications/{publication}", token)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert world.get("/publications", token).json()["publications"] == []
    assert world.get(f"/publications/{publication}", world.token(world.person("cora", role=Role.CURATOR))).status_code == 200


@pytest.mark.attack("API")
@pytest.mark.parametrize("bad", ["expired", "revoked", "unknown", "no token at all", "tagstone_" + "a" * 43, "a.b.c"])
def test_a_token_that_is_not_good_is_refused_and_how_to_prove_oneself_is_told(world: World, bad: str):
    token = bad
    if bad in ("expired", "revoked"):
        token = world.token(world.person("rita"), ends=NOW - 1 if bad == "expired" else NOW + 9)
    if bad == "revoked":
        with world.installation.sessions.write() as session:
            session.query(ApiToken).one().revoked_at = NOW
    answer = world.get("/publications", token)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert token not in answer.text


def test_when_a_token_was_used_last_is_written_down(world: World):
    token = world.token(world.person("rita"))
    world.installation.clock.advance(100)
    world.get("/publications", token)
    with world.installation.sessions.read() as session:
        row = session.query(ApiToken).one()
        assert row.used_at == NOW + 100
        assert token not in repr(row.__dict__)


@pytest.mark.attack("API")
def test_a_cookie_means_nothing_to_the_api(world: World):
    publication = world.publication()
    world.client.cookies.set("__Host-tagstone", "a" * 43)
    assert world.get(f"/publications/{publication}").status_code == 404
    assert world.post(f"/publications/{publication}/cancel").status_code == 404


def test_a_job_hands_in_and_follows_with_the_same_token(world: World):
    world.jobs["job.token.one"] = world.pipelines.claims()
    digest = world.pipelines.push()
    said = {"image": digest, "manifest": None, "rehearsal": False}
    answer = world.post("/publications", "job.token.one", said)
    assert answer.status_code == 202
    taken = answer.json()
    assert taken == {
        "publication": taken["publication"],
        "state": "queued",
        "url": f"https://tagstone.example.org/publications/{taken['publication']}",
        "new": True,
    }
    again = world.post("/publications", "job.token.one", said).json()
    assert again == taken | {"new": False}
    assert world.get(f"/publications/{taken['publication']}", "job.token.one").json()["state"] == "queued"


def test_a_branchs_job_rehearses_and_follows_with_the_same_token_and_no_other(world: World):
    world.pipelines.branch()
    world.jobs["job"] = world.pipelines.branch_claims()
    world.jobs["another"] = world.pipelines.branch_claims(jti="token-2")
    said = {"image": None, "manifest": "deposit: {to: local}\n", "rehearsal": True}
    taken = world.post("/publications", "job", said).json()["publication"]
    assert world.get(f"/publications/{taken}", "job").json()["kind"] == "rehearsal"
    assert world.get(f"/publications/{taken}", "another").status_code == 403
    assert world.get(f"/publications/{world.publication(None)}", "job").status_code == 404
    assert world.post(f"/publications/{taken}/cancel", "job").status_code == 403


def test_a_job_sees_its_own_project_and_may_do_nothing_else(world: World):
    world.jobs["job"] = world.pipelines.claims()
    own, other = world.publication(17), world.publication(None)
    assert world.get(f"/publications/{own}", "job").status_code == 200
    assert world.get(f"/publications/{other}", "job").status_code == 404
    assert [one["id"] for one in world.get("/publications", "job").json()["publications"]] == [own]
    assert world.post(f"/publications/{own}/cancel", "job").status_code == 403


@pytest.mark.attack("API")
@pytest.mark.parametrize(
    "changes", [{"ref_protected": "false"}, {"ref_type": "branch"}, {"pipeline_source": "merge_request_event"}]
)
def test_a_job_that_may_run_others_code_sees_nothing(world: World, changes: dict[str, str]):
    world.jobs["job"] = world.pipelines.claims(**changes)
    assert world.get(f"/publications/{world.publication()}", "job").status_code == 403


@pytest.mark.attack("API")
@pytest.mark.parametrize("who", ["nobody", "maintainer", "admin"])
def test_only_jobs_hand_in(world: World, who: str):
    token = token_of(world, who)
    assert world.post("/publications", token, {"image": world.pipelines.push()}).status_code == 401
    assert world.pipelines.rows() == []


@pytest.mark.attack("API")
@pytest.mark.parametrize(
    "document", [None, [], {"image": "latest"}, {"image": "sha256:" + "0" * 63}, {"project": "other"}, {"rehearsal": "perhaps"}]
)
def test_what_is_handed_in_is_judged_before_anything_is_done(world: World, document: Any):
    world.jobs["job"] = world.pipelines.claims()
    answer = world.post("/publications", "job", document)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.attack("API")
def test_a_body_without_end_is_not_read_to_its_end(world: World):
    world.jobs["job"] = world.pipelines.claims()
    answer = world.client.post("/publications", content=b"x" * (9 << 20), headers={"Authorization": "Bearer job"})
    assert answer.status_code == 413


def test_events_tell_the_publication_and_its_end(world: World):
    publication = world.publication(18, state="failed", error="it broke", step="run")
    answer = world.get(f"/publications/{publication}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = next(line for line in answer.text.split("\n") if line.startswith("data: ")).removeprefix("data: ")
    assert json.loads(told) == world.get(f"/publications/{publication}").json()
    assert "event: end" in answer.text


def test_events_of_what_one_may_not_see_are_not_there(world: World):
    assert world.get(f"/publications/{world.publication()}/events").status_code == 404


def test_an_approval_names_the_draft_that_was_looked_at(world: World):
    publication = world.publication(attempt=2)
    world.installation.step(publication, Step.REVIEW, "waiting")
    token = world.token(world.person("mia", 5, levels={17: 40}))
    assert world.post(f"/publications/{publication}/approve", token, {"attempt": 1}).status_code == 409
    assert world.post(f"/publications/{publication}/approve", token, {"attempt": 2}).status_code == 200
    with world.installation.sessions.read() as session:
        assert session.get_one(Publication, publication).approved_by == "mia"
