"""How a project is set up [doc: project_webhooks.md, protected_tags.md, project_access_tokens.md]."""

import base64
from contextlib import suppress

import pytest

from contract.gitlab.conftest import Scene
from fakes.gitlab.state import MAINTAINER
from tagstone.errors import Forbidden, NotFound, Temporary

HOOK = "http://127.0.0.1:9/hooks/h1"
SIGNING = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"t" * 32).decode()


def test_a_hook_wants_tags_releases_and_pipelines_and_is_signed(scene: Scene) -> None:
    number = scene.registrar.hook(scene.project, HOOK, SIGNING)
    hook = scene.wobble.hooks[number]
    assert (hook.url, hook.signing) == (HOOK, SIGNING)
    assert {name for name, wanted in hook.events.items() if wanted} == {"tag_push_events", "releases_events", "pipeline_events"}


def test_a_hook_is_found_by_its_address_and_gets_the_new_token(scene: Scene) -> None:
    first = scene.registrar.hook(scene.project, HOOK, SIGNING)
    assert scene.registrar.hook(scene.project, HOOK, OTHER) == first
    assert [hook.signing for hook in scene.wobble.hooks.values()] == [OTHER]
    assert scene.registrar.hook(scene.project, HOOK + "2", SIGNING) != first


def test_a_hook_whose_answer_was_lost_is_not_doubled(scene: Scene) -> None:
    scene.gitlab.faults.lost("POST .*/hooks")
    with pytest.raises(Temporary):
        scene.registrar.hook(scene.project, HOOK, SIGNING)
    scene.registrar.hook(scene.project, HOOK, SIGNING)
    assert len(scene.wobble.hooks) == 1


def test_a_hook_is_removed_once_and_for_all(scene: Scene) -> None:
    project, number = scene.project, scene.registrar.hook(scene.project, HOOK, SIGNING)
    scene.registrar.unhook(project, number)
    scene.registrar.unhook(project, number)
    assert scene.wobble.hooks == {}
    del scene.gitlab.world.projects[scene.wobble.id]
    scene.registrar.unhook(project, number)


def test_tags_are_protected_for_maintainers(scene: Scene) -> None:
    assert scene.registrar.protect(scene.project, "v*")
    assert scene.wobble.protected == {"v*": MAINTAINER}
    assert not scene.registrar.protect(scene.project, "v*")


def test_what_a_wider_wildcard_protects_is_left_alone(scene: Scene) -> None:
    scene.gitlab.protect(scene.wobble, "*", 30)
    assert not scene.registrar.protect(scene.project, "v*")
    assert scene.wobble.protected == {"*": 30}


def test_a_narrower_name_does_not_cover_a_wildcard(scene: Scene) -> None:
    scene.gitlab.protect(scene.wobble, "v1")
    assert scene.registrar.protect(scene.project, "v*")


def test_a_lost_protection_is_found(scene: Scene) -> None:
    scene.gitlab.faults.lost("POST .*/protected_tags")
    with suppress(Temporary):
        scene.registrar.protect(scene.project, "v*")
    assert not scene.registrar.protect(scene.project, "v*")
    assert len(scene.wobble.protected) == 1


def test_a_token_is_replaced_and_the_old_one_is_worth_nothing(scene: Scene) -> None:
    old = scene.gitlab.project_token(scene.wobble, ["api"], level=30)
    new, expires = scene.registrar.rotate(scene.project, old, 90)
    assert new != old
    assert 88 * 86400 < expires - scene.gitlab.world.now() <= 90 * 86400
    with pytest.raises(Forbidden):
        scene.registrar.rotate(scene.project, old, 90)
    again, _ = scene.registrar.rotate(scene.project, new, 10_000)
    assert again not in (new, old)


def test_a_rotated_token_keeps_its_scopes_and_role(scene: Scene) -> None:
    old = scene.gitlab.project_token(scene.wobble, ["api", "read_repository"], level=30)
    new, _ = scene.registrar.rotate(scene.project, old, 7)
    tokens = {token.value: token for token in scene.gitlab.world.tokens}
    assert (tokens[new].scopes, tokens[new].level) == (tokens[old].scopes, 30)


def test_a_developer_sets_nothing_up(scene: Scene) -> None:
    scene.token = scene.gitlab.project_token(scene.wobble, ["api"], level=30)
    with pytest.raises(Forbidden):
        scene.registrar.hook(scene.project, HOOK, SIGNING)
    with pytest.raises(Forbidden):
        scene.registrar.protect(scene.project, "v*")
    assert (scene.wobble.hooks, scene.wobble.protected) == ({}, {})


def test_a_stranger_does_not_even_see_the_project(scene: Scene) -> None:
    project = scene.project
    scene.token = scene.gitlab.personal_token(scene.gitlab.person("eve"), ["api"])
    with pytest.raises(NotFound):
        scene.registrar.hook(project, HOOK, SIGNING)
