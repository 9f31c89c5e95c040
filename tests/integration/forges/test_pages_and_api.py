"""The web process before a GitLab: jobs hand in, members sign in and see, everybody else sees what is released."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import OWNER, Person, Project
from fakes.installation import Installation
from fakes.queue import FakeQueue
from tagstone.actions.build import image_name
from tagstone.asgi import create_app
from tagstone.bootstrap import Application
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.images.oci import CONFIG
from tagstone.errors import Invalid
from tagstone.image.manifest import manifest_bytes
from tagstone.settings import ForgeSettings, Serving, Settings, SignIn
from tagstone.store import projects
from tagstone.store.tables import Publication, Registration

URL = "https://tagstone.example.org"


@dataclass
class Scene:
    """Ada owns the private project stars/wobble at a GitLab, which is registered; its pipeline builds."""

    gitlab: FakeGitlab
    installation: Installation
    serving: Serving = field(default_factory=lambda: Serving(url=URL))
    ada: Person = field(init=False)
    wobble: Project = field(init=False)

    def __post_init__(self) -> None:
        self.ada = self.gitlab.person("ada")
        self.wobble = self.gitlab.project("stars/wobble", {"analysis.py": b"print()\n"})
        self.gitlab.member(self.wobble, self.ada, OWNER)
        self.gitlab.protect(self.wobble, "v*")
        self.gitlab.push_tag(self.wobble, "v1.0.0", self.ada)
        token = self.gitlab.personal_token(self.ada, ["api"])
        forges = {"lab": ForgeSettings(url=self.gitlab.url, token=token, silence=2.0)}
        settings = Settings(home=self.installation.home, forges=forges, serving=self.serving, _site=None)
        self.application = Application(settings)
        self.queue = FakeQueue()
        parts = {"sessions": self.installation.sessions, "clock": self.installation.clock, "queue": self.queue}
        self.application.__dict__.update(parts)
        self.installation.clock.advance(self.gitlab.world.now() - self.installation.clock.now())
        self.identity = self.application.forge.identify(f"gitlab:lab/{self.wobble.id}")
        self._register()
        self.client = TestClient(create_app(self.application), base_url=URL, follow_redirects=False)

    def _register(self) -> None:
        with self.installation.sessions.write() as session:
            project = projects.ensure(session, self.identity, 1.0)
            row = Registration(forge="lab", remote=self.wobble.id, path="stars/wobble", project_id=project.id)
            row.standing, row.builder, row.asked_by, row.since = Standing.ACTIVE, ImageBuilder.CI, "ada", 1.0
            session.add(row)

    def pushed(self) -> str:
        """The digest of the image that the pipeline pushed."""
        registry, name = self.application.registry, image_name(self.identity)
        config = registry.put_blob(name, [b"{}"], CONFIG)
        return registry.put_manifest(name, manifest_bytes(config, [], {}), None)

    def hand_in(self, token: str, image: str) -> Any:
        """What a job asks."""
        return self.client.post("/api/v1/publications", json={"image": image}, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    installation = Installation(tmp_path)
    with running_gitlab(tmp_path / "gitlab") as gitlab:
        yield Scene(gitlab, installation)
    installation.close()


def test_a_job_hands_in_and_looks_on_and_nobody_else_sees_it(scene: Scene) -> None:
    token = scene.gitlab.id_token(scene.wobble, "v1.0.0", URL, scene.ada)
    taken = scene.hand_in(token, scene.pushed())
    assert taken.status_code == 202, taken.text
    publication = taken.json()["publication"]
    assert scene.queue.queued == [(publication, "publication", 1)]
    seen = scene.client.get(f"/api/v1/publications/{publication}", headers={"Authorization": f"Bearer {token}"})
    assert (seen.json()["tag"], seen.json()["state"]) == ("v1.0.0", "queued")
    for address in (f"/api/v1/publications/{publication}", f"/publications/{publication}"):
        assert scene.client.get(address).status_code == 404


ATTACKS: dict[str, dict[str, Any]] = {
    "unsigned": {"algorithm": "none"},
    "HS256 with the public key": {"algorithm": "HS256"},
    "an unknown key": {"kid": "other"},
    "a stranger's key": {"stranger": True},
    "another issuer": {"iss": "https://evil.example"},
    "another service's": {"aud": "https://other.example.org"},
    "expired": {"exp": 1},
    "a branch": {"ref_type": "branch"},
    "an unprotected tag": {"ref_protected": "false"},
    "a fork": {"project_id": "4711", "job_project_id": "4711"},
    "a merge request": {"pipeline_source": "merge_request_event"},
    "another commit": {"sha": "f" * 40},
    "without a number of its own": {"without": ["jti"]},
}


@pytest.mark.attack("tokens of jobs")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_token_that_is_not_as_gitlab_makes_it_changes_nothing(scene: Scene, attack: dict[str, Any]) -> None:
    token = scene.gitlab.id_token(scene.wobble, "v1.0.0", URL, scene.ada, **attack)
    assert scene.hand_in(token, scene.pushed()).status_code in (401, 403, 422)
    with scene.installation.sessions.read() as session:
        assert session.query(Publication).count() == 0
    assert scene.queue.queued == []


@pytest.mark.attack("outages")
def test_while_gitlab_is_down_jobs_are_asked_to_come_again(scene: Scene) -> None:
    token, image = scene.gitlab.id_token(scene.wobble, "v1.0.0", URL, scene.ada), scene.pushed()
    with scene.gitlab.down():
        answer = scene.hand_in(token, image)
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    scene.installation.clock.advance(61)
    assert scene.hand_in(token, image).status_code == 202


def test_the_images_of_what_is_not_released_are_for_nobody(scene: Scene) -> None:
    digest = scene.pushed()
    address = f"/v2/{image_name(scene.identity)}/manifests/{digest}"
    assert scene.client.get(address).status_code == 200
    scene.hand_in(scene.gitlab.id_token(scene.wobble, "v1.0.0", URL, scene.ada), digest)
    assert scene.client.get(address).status_code == 404


def test_the_api_stands_beside_the_pages_with_the_same_headers(scene: Scene) -> None:
    answer = scene.client.get("/api/v1/openapi.json")
    assert answer.json()["openapi"].startswith("3.")
    assert answer.headers["x-content-type-options"] == "nosniff"
    missing = scene.client.get("/api/v1/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("serving", "sign_in", "single"),
    [
        (Serving(), SignIn(), True),
        (Serving(host="::1", url="http://localhost:8620"), SignIn(), True),
        (Serving(url=URL), SignIn(), False),
        (Serving(host="0.0.0.0", url="http://127.0.0.1:8620"), SignIn(), False),
        (Serving(), SignIn(issuer="https://gitlab.example.org", client="x"), False),
    ],
)
def test_one_persons_own_service_is_what_nobody_else_can_reach(
    tmp_path: Path, serving: Serving, sign_in: SignIn, single: bool
) -> None:
    application = Application(Settings(home=tmp_path, serving=serving, sign_in=sign_in, _site=None))
    assert application.entrance.access.single == single


def test_a_provider_without_a_client_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, sign_in=SignIn(issuer="https://gitlab.example.org"), _site=None)
    with pytest.raises(Invalid, match="TAGSTONE_SIGN_IN__CLIENT"):
        _ = Application(settings).sign_in
