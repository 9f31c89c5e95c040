"""What GitLab sends is what our receiver takes: headers, signatures and bodies, as they went over the line."""

import json
from collections.abc import Iterator

import pytest

from contract.gitlab.conftest import FILES, Scene
from fakes.gitlab.deliveries import Sent
from fakes.gitlab.state import Project
from fakes.scripted_server import Reply, ScriptedServer, scripted_server
from tagstone.domain.forges.delivery import Happening
from tagstone.store import deliveries
from unit.forges import conftest as forges
from unit.forges.conftest import SECRET, SIGNING, Receiving

receiving = forges.receiving


@pytest.fixture
def line() -> Iterator[ScriptedServer]:
    """Where GitLab sends to."""
    with scripted_server() as server:
        server.otherwise = Reply(202, document={})
        yield server


@pytest.fixture
def project(scene: Scene, receiving: Receiving, line: ScriptedServer) -> Project:
    """A project that is registered, with the hook that our registrar made."""
    made = scene.gitlab.project("stars/other", FILES, owner=scene.ada)
    receiving.hook("theirs", registration=receiving.project(made.id), signing=SIGNING)
    remote = scene.projects.project("lab", made.id)
    scene.registrar.hook(remote, f"{line.url}/hooks/theirs", SIGNING)
    return made


def handed_on(receiving: Receiving, sent: Sent, hook: str = "theirs", **changed: str) -> int:
    """Give a delivery to the receiver as it was sent."""
    headers = {**sent.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return int(receiving.client.post(f"/hooks/{hook}", content=sent.body, headers=headers).status_code)


def test_tags_releases_and_pipelines_are_taken(scene: Scene, receiving: Receiving, project: Project) -> None:
    scene.gitlab.protect(project, "v*")
    sha = scene.gitlab.push_tag(project, "v1.0.0", scene.ada, message="one")
    scene.announcer.release(scene.projects.project("lab", project.id), "v1.0.0", "x", [])
    number = scene.gitlab.pipeline(project, "v1.0.0", "success")
    assert {handed_on(receiving, sent) for sent in scene.gitlab.deliveries()} == {202}
    told = {delivered.happening: delivered for delivered in map(deliveries.told, receiving.deliveries())}
    assert set(told) == {Happening.TAG, Happening.RELEASE, Happening.PIPELINE}
    assert {(one.project, one.tag, one.sha) for one in told.values()} == {(project.id, "v1.0.0", sha)}
    assert told[Happening.TAG].protected is True
    assert (told[Happening.PIPELINE].pipeline, told[Happening.PIPELINE].status) == (number, "success")


def test_a_resent_delivery_is_the_same_one(scene: Scene, receiving: Receiving, project: Project) -> None:
    scene.gitlab.push_tag(project, "v1", scene.ada)
    (first,) = scene.gitlab.deliveries()
    (hook,) = project.hooks.values()
    scene.gitlab.sender.resend(hook, first)
    for sent in scene.gitlab.deliveries():
        assert handed_on(receiving, sent) == 202
    assert len(receiving.deliveries()) == 1


def test_a_deleted_tag_is_known_as_one(scene: Scene, receiving: Receiving, project: Project) -> None:
    scene.gitlab.push_tag(project, "v1", scene.ada)
    scene.gitlab.delete_tag(project, "v1", scene.ada)
    for sent in scene.gitlab.deliveries():
        if json.loads(sent.body)["after"] == "0" * 40:
            assert handed_on(receiving, sent) == 202
    (row,) = receiving.deliveries()
    assert deliveries.told(row).happening is Happening.TAG_DELETED


@pytest.mark.attack("bodies")
def test_a_changed_body_or_another_hooks_delivery_is_refused(scene: Scene, receiving: Receiving, project: Project) -> None:
    scene.gitlab.push_tag(project, "v1", scene.ada)
    (sent,) = scene.gitlab.deliveries()
    changed = Sent(sent.hook, sent.headers, sent.body.replace(b"refs/tags/v1", b"refs/tags/v2"), None)
    assert handed_on(receiving, changed) == 401
    assert handed_on(receiving, sent, webhook_timestamp="1700000000") == 401
    assert handed_on(receiving, sent, webhook_signature="") == 401
    assert handed_on(receiving, sent, hook="tokened", X_Gitlab_Token="wrong") == 401
    assert receiving.deliveries() == []


def test_an_older_hook_is_known_by_its_token(scene: Scene, receiving: Receiving, line: ScriptedServer) -> None:
    scene.gitlab.system_hook(f"{line.url}/hooks/tokened", secret=SECRET)
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    (sent,) = scene.gitlab.deliveries()
    assert "webhook-signature" not in sent.headers
    assert sent.headers["X-Gitlab-Token"] == SECRET
    body = sent.body.replace(b'"project_id": %d' % scene.wobble.id, b'"project_id": 17')
    assert handed_on(receiving, Sent(sent.hook, sent.headers, body, None), hook="tokened") == 202


def test_a_groups_hook_says_what_a_projects_own_says(scene: Scene, receiving: Receiving, line: ScriptedServer) -> None:
    registered = scene.gitlab.project("stars/binary", FILES, owner=scene.ada)
    receiving.project(registered.id)
    other = scene.gitlab.project("stars/dwarf", FILES, owner=scene.ada)
    elsewhere = scene.gitlab.project("planets/mars", FILES, owner=scene.ada)
    scene.gitlab.group_hook("stars", f"{line.url}/hooks/all", signing=SIGNING)
    for project in (registered, other, elsewhere):
        scene.gitlab.push_tag(project, "v1.0.0", scene.ada)
    scene.gitlab.pipeline(registered, "v1.0.0", "failed")
    assert sorted(handed_on(receiving, sent, hook="all") for sent in scene.gitlab.deliveries()) == [202, 202, 204]
    told = [(one.happening, one.project) for one in map(deliveries.told, receiving.deliveries())]
    assert set(told) == {(Happening.TAG, registered.id), (Happening.PIPELINE, registered.id)}


def test_a_system_hook_tells_of_pushed_tags_in_its_own_way(scene: Scene, receiving: Receiving, line: ScriptedServer) -> None:
    project = scene.gitlab.project("stars/binary", FILES, owner=scene.ada)
    receiving.project(project.id)
    scene.gitlab.system_hook(f"{line.url}/hooks/all", signing=SIGNING)
    sha = scene.gitlab.push_tag(project, "v1.0.0", scene.ada, message="one")
    scene.gitlab.pipeline(project, "v1.0.0", "failed")
    (sent,) = scene.gitlab.deliveries()
    assert sent.headers["X-Gitlab-Event"] == "System Hook"
    assert "object_kind" not in json.loads(sent.body)
    assert handed_on(receiving, sent, hook="all") == 202
    (told,) = map(deliveries.told, receiving.deliveries())
    assert (told.happening, told.project, told.tag, told.sha) == (Happening.TAG, project.id, "v1.0.0", sha)
