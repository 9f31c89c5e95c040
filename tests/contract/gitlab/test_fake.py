"""The fake does what GitLab's documentation says, where our adapters do not ask for it: hooks, job tokens, id_tokens, Git."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from gitlab import Gitlab
from gitlab.exceptions import GitlabAuthenticationError, GitlabCreateError, GitlabGetError, GitlabHookTestError
from standardwebhooks.webhooks import Webhook

from contract.gitlab.conftest import Scene
from fakes.authors import WHO
from fakes.scripted_server import Reply, ScriptedServer, scripted_server

SIGNING = "whsec_" + base64.b64encode(b"s" * 32).decode()
AUDIENCE = "https://tagstone.example.org"


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        server.otherwise = Reply(202, document={})
        yield server


def client(scene: Scene, **token: str) -> Gitlab:
    return Gitlab(scene.gitlab.url, **(token or {"private_token": str(scene.token)}))  # type: ignore[arg-type]


def hooked(scene: Scene, receiver: ScriptedServer) -> Any:
    """The project's hook, as python-gitlab makes and shows it."""
    told = {"url": f"{receiver.url}/hooks/h1", "signing_token": SIGNING, "token": "plain", "push_events": False}
    wanted = dict.fromkeys(("tag_push_events", "releases_events", "pipeline_events"), True)
    return client(scene).projects.get(scene.wobble.id, lazy=True).hooks.create(told | wanted)


def test_a_pushed_tag_is_delivered_with_all_headers_and_signed(scene: Scene, receiver: ScriptedServer) -> None:
    hooked(scene, receiver)
    scene.gitlab.protect(scene.wobble, "v*")
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada, message="one")
    (sent,) = scene.gitlab.deliveries()
    (asked,) = receiver.asked
    assert sent.status == 202
    assert asked.headers["X-Gitlab-Event"] == "Tag Push Hook"
    assert asked.headers["X-Gitlab-Token"] == "plain"
    assert asked.headers["webhook-id"] == asked.headers["Idempotency-Key"]
    payload = Webhook(SIGNING).verify(asked.body, {name.lower(): value for name, value in asked.headers.items()})
    assert (payload["object_kind"], payload["ref"], payload["checkout_sha"]) == ("tag_push", "refs/tags/v1", sha)
    assert payload["ref_protected"] is True
    assert payload["after"] != sha


def test_neither_token_of_a_hook_is_ever_shown(scene: Scene, receiver: ScriptedServer) -> None:
    hook = hooked(scene, receiver)
    shown = json.dumps(hook.asdict())
    assert SIGNING not in shown
    assert "plain" not in shown
    assert (hook.token_present, hook.signing_token_present) == (True, True)


def test_three_tags_at_once_are_delivered_and_four_are_not(scene: Scene, receiver: ScriptedServer) -> None:
    hooked(scene, receiver)
    scene.gitlab.push_tags(scene.wobble, dict.fromkeys(("a", "b", "c"), "main"), scene.ada)
    assert len(scene.gitlab.deliveries()) == 3
    scene.gitlab.push_tags(scene.wobble, dict.fromkeys(("d", "e", "f", "g"), "main"), scene.ada)
    assert len(scene.gitlab.deliveries()) == 3


def test_a_deleted_tag_is_delivered_with_zeros(scene: Scene, receiver: ScriptedServer) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    hooked(scene, receiver)
    scene.gitlab.delete_tag(scene.wobble, "v1", scene.ada)
    (sent,) = scene.gitlab.deliveries()
    payload = json.loads(sent.body)
    assert (payload["after"], payload["checkout_sha"]) == ("0" * 40, None)


def test_releases_and_pipelines_are_delivered(scene: Scene, receiver: ScriptedServer) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    hooked(scene, receiver)
    client(scene).projects.get(scene.wobble.id).releases.create({"tag_name": "v1", "description": "x"})
    number = scene.gitlab.pipeline(scene.wobble, "v1", "success")
    kinds = {json.loads(sent.body)["object_kind"]: json.loads(sent.body) for sent in scene.gitlab.deliveries()}
    assert kinds["release"]["tag"] == "v1"
    assert kinds["pipeline"]["object_attributes"]["id"] == number


def test_a_failed_delivery_is_not_repeated_and_four_in_a_row_rest_the_hook(scene: Scene, receiver: ScriptedServer) -> None:
    hooked(scene, receiver)
    receiver.otherwise = Reply(500)
    for number in range(6):
        scene.gitlab.push_tag(scene.wobble, f"v{number}", scene.ada)
        scene.gitlab.deliveries()
    assert len(receiver.asked) == 4
    receiver.otherwise = Reply(202)
    scene.gitlab.advance(61)
    scene.gitlab.push_tag(scene.wobble, "later", scene.ada)
    assert scene.gitlab.deliveries()[-1].status == 202


def test_a_slow_receiver_is_a_failure(scene: Scene, receiver: ScriptedServer) -> None:
    hooked(scene, receiver)
    scene.gitlab.sender.timeout = 0.2
    receiver.otherwise = Reply(dead=True)
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert [sent.status for sent in scene.gitlab.deliveries()] == [None]


def test_a_resent_delivery_keeps_its_key(scene: Scene, receiver: ScriptedServer) -> None:
    number = hooked(scene, receiver).id
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    (first,) = scene.gitlab.deliveries()
    scene.gitlab.sender.resend(scene.wobble.hooks[number], first)
    second = scene.gitlab.deliveries()[-1]
    assert (second.headers["webhook-id"], second.body) == (first.headers["webhook-id"], first.body)


def test_a_system_hook_hears_of_all_projects(scene: Scene, receiver: ScriptedServer) -> None:
    scene.gitlab.system_hook(f"{receiver.url}/hooks/all", signing=SIGNING)
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    (sent,) = scene.gitlab.deliveries()
    assert sent.headers["X-Gitlab-Event"] == "System Hook"


def test_a_hook_can_be_tried_out(scene: Scene, receiver: ScriptedServer) -> None:
    hook = hooked(scene, receiver)
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.gitlab.deliveries()
    hook.test("tag_push_events")
    assert len(receiver.asked) == 2
    receiver.otherwise = Reply(401)
    with pytest.raises(GitlabHookTestError):
        hook.test("tag_push_events")


def test_a_job_may_release_and_nothing_else(scene: Scene) -> None:
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    job = client(scene, job_token=scene.gitlab.job_token(scene.wobble, scene.ada)).projects.get(scene.wobble.id, lazy=True)
    release = job.releases.create({"tag_name": "v1", "description": "x"})
    assert release.links.create({"name": "DOI", "url": "https://doi.org/1"}).link_type == "other"
    for refused in (
        lambda: job.commits.get(sha, lazy=True).statuses.create({"state": "running"}),
        lambda: job.hooks.create({"url": "https://x.example.org"}),
        lambda: job.badges.create({"link_url": "https://x.example.org", "image_url": "https://x.example.org"}),
    ):
        with pytest.raises((GitlabCreateError, GitlabAuthenticationError)):
            refused()


def test_a_job_of_another_project_sees_nothing(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    other = scene.gitlab.project("stars/other", owner=scene.ada)
    job = client(scene, job_token=scene.gitlab.job_token(other, scene.ada)).projects.get(scene.wobble.id, lazy=True)
    with pytest.raises(GitlabGetError):
        job.releases.get("v1")


def test_people_and_their_tokens_are_told(scene: Scene) -> None:
    oauth = client(scene, oauth_token=scene.gitlab.oauth_token(scene.ada, ["read_api"]))
    oauth.auth()
    assert oauth.user is not None
    assert (oauth.user.username, oauth.user.email) == ("ada", "ada@example.org")
    assert client(scene).personal_access_tokens.get("self").scopes == ["api"]
    with pytest.raises(GitlabAuthenticationError):
        client(scene, private_token="glpat-none").auth()


def test_a_tag_pushed_with_git_is_delivered_too(scene: Scene, receiver: ScriptedServer, tmp_path: Path) -> None:
    hooked(scene, receiver)
    token = scene.gitlab.project_token(scene.wobble, ["write_repository"], level=30)
    url = f"{scene.gitlab.url.replace('://', f'://oauth2:{token}@')}/stars/wobble.git"
    for line in (
        ["clone", "-q", url, str(tmp_path / "c")],
        ["-C", str(tmp_path / "c"), "push", "-q", "origin", "HEAD:refs/tags/v1"],
    ):
        subprocess.run(["git", *line], check=True, env=WHO, capture_output=True)
    assert [json.loads(sent.body)["ref"] for sent in scene.gitlab.deliveries()] == ["refs/tags/v1"]


def verified(scene: Scene, token: str) -> dict[str, Any]:
    """What PyJWT makes of a token with the published keys."""
    found = requests.get(f"{scene.gitlab.url}/.well-known/openid-configuration", timeout=5).json()
    keys = jwt.PyJWKSet.from_dict(requests.get(found["jwks_uri"], timeout=5).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=found["issuer"])
    return claims


def test_an_id_token_says_which_job_it_is_of(scene: Scene) -> None:
    scene.gitlab.protect(scene.wobble, "v*")
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    claims = verified(scene, scene.gitlab.id_token(scene.wobble, "v1", AUDIENCE, scene.ada))
    assert (claims["project_id"], claims["ref"], claims["ref_type"], claims["sha"]) == (str(scene.wobble.id), "v1", "tag", sha)
    assert (claims["ref_protected"], claims["job_project_id"]) == ("true", str(scene.wobble.id))
    assert verified(scene, scene.gitlab.id_token(scene.wobble, "v1", AUDIENCE, scene.ada))["jti"] != claims["jti"]


def test_id_tokens_can_be_wrong_in_every_way(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    wrong: list[dict[str, Any]] = [
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"stranger": True},
        {"kid": "unknown"},
        {"exp": int(time.time()) - 100},
        {"nbf": int(time.time()) + 1000},
        {"iss": "https://evil.example.org"},
        {"aud": "https://elsewhere.example.org"},
        {"without": ["aud"]},
    ]
    for how in wrong:
        token = scene.gitlab.id_token(scene.wobble, "v1", AUDIENCE, scene.ada, **how)
        with pytest.raises((jwt.PyJWTError, KeyError)):
            verified(scene, token)


def test_keys_are_rotated_one_by_one(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    token = scene.gitlab.id_token(scene.wobble, "v1", AUDIENCE, scene.ada)
    scene.gitlab.keys.rotate()
    assert verified(scene, token)["ref"] == "v1"
    scene.gitlab.keys.rotate()
    with pytest.raises(KeyError):
        verified(scene, token)
