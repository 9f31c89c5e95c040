"""What a GitLab says of projects, tags and people [doc: projects.md, tags.md, members.md]."""

import pytest

from contract.gitlab.conftest import Scene
from fakes.gitlab.calls import Reply
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.adapters.gitlab.projects import GitlabProjects
from tagstone.domain.code.project_url import normalised
from tagstone.errors import Away, Forbidden, Invalid, NotFound, Permanent, Temporary


def test_a_project_is_found_by_its_number_and_by_its_path(scene: Scene) -> None:
    found = scene.projects.project("lab", "stars/wobble")
    assert found == scene.project
    assert (found.number, found.path, found.url) == (scene.wobble.id, "stars/wobble", f"{scene.gitlab.url}/stars/wobble")
    assert not found.public


def test_a_public_project_is_everybodys(scene: Scene) -> None:
    scene.gitlab.project("stars/open", visibility="public")
    scene.token = None
    assert scene.projects.project("lab", "stars/open").public


def test_a_moved_project_keeps_its_number(scene: Scene) -> None:
    before = scene.project
    scene.gitlab.rename(scene.wobble, "planets/wobble")
    assert scene.project.location == before.location
    assert normalised(scene.project.url) == f"{scene.gitlab.url.removeprefix('http://')}/planets/wobble"


def test_what_the_token_may_not_see_is_not_there(scene: Scene) -> None:
    scene.gitlab.project("stars/secret")
    scene.token = scene.gitlab.personal_token(scene.gitlab.person("bob"), ["read_api"])
    with pytest.raises(NotFound):
        scene.projects.project("lab", "stars/secret")


def test_a_project_may_lend_its_own_token(scene: Scene) -> None:
    lent = scene.gitlab.project_token(scene.wobble, ["read_api"], level=20)
    scene.token = None
    projects = GitlabProjects(scene.sites, lambda forge, number: lent if (forge, number) == ("lab", scene.wobble.id) else None)
    assert projects.project("lab", scene.wobble.id).path == "stars/wobble"


@pytest.mark.parametrize(
    "path", ["", "wobble", "../wobble", "stars/wobble?x=1", "stars//wobble", "a/b\r\nX: y", "ä/b", "x" * 2000]
)
def test_what_is_no_path_is_asked_for_nowhere(scene: Scene, path: str) -> None:
    with pytest.raises(Invalid):
        scene.projects.project("lab", path)
    assert scene.gitlab.asked == []


def test_an_unknown_forge_names_the_known(scene: Scene) -> None:
    with pytest.raises(NotFound) as caught:
        scene.projects.project("elsewhere", 1)
    assert "lab" in caught.value.remedy


def test_a_tag_says_its_commit_and_whether_it_is_protected(scene: Scene) -> None:
    scene.gitlab.protect(scene.wobble, "v*")
    sha = scene.gitlab.push_tag(scene.wobble, "v1.0.0", scene.ada)
    scene.gitlab.push_tag(scene.wobble, "draft", scene.ada)
    tag = scene.projects.tag(scene.project, "v1.0.0")
    assert tag is not None
    assert (tag.name, tag.sha, tag.protected) == ("v1.0.0", sha, True)
    draft = scene.projects.tag(scene.project, "draft")
    assert draft is not None
    assert not draft.protected


def test_an_annotated_tag_says_its_commit_and_when_it_was_made(scene: Scene) -> None:
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada, message="one")
    light = scene.gitlab.push_tag(scene.wobble, "v2", scene.ada)
    first, second = scene.projects.tag(scene.project, "v1"), scene.projects.tag(scene.project, "v2")
    assert first is not None
    assert second is not None
    assert first.sha == second.sha == sha == light
    assert first.made_at > second.made_at > 1_700_000_000


def test_a_moved_tag_says_where_it_is_now(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.gitlab.commit(scene.wobble, {"more": b""})
    sha = scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    found = scene.projects.tag(scene.project, "v1")
    assert found is not None
    assert found.sha == sha


@pytest.mark.parametrize("name", ["", "v9", "v1/..", "a b", "v1\n", "\u202ev1", "x" * 2000])
def test_there_is_no_such_tag(scene: Scene, name: str) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert scene.projects.tag(scene.project, name) is None


@pytest.mark.parametrize("name", ["release/1.0", "v1%2Fx", "a'b\"c", "$(id)", "ünï", "<b>v1</b>", "50%"])
def test_odd_names_are_just_names(scene: Scene, name: str) -> None:
    sha = scene.gitlab.push_tag(scene.wobble, name, scene.ada)
    found = scene.projects.tag(scene.project, name)
    assert found is not None
    assert (found.name, found.sha) == (name, sha)


@pytest.mark.parametrize("name", ["main", "feature/1.0", "50%", "ünï"])
def test_a_branch_says_where_it_is_now(scene: Scene, name: str) -> None:
    before = scene.wobble.repository.commit_of("main")
    if name != "main":
        scene.wobble.repository.git("branch", name, "main")
    assert scene.projects.branch(scene.project, name) == before
    after = scene.gitlab.commit(scene.wobble, {"more": b""})
    assert scene.projects.branch(scene.project, "main") == after != before


@pytest.mark.parametrize("name", ["", "v1", "other", "../main", "a b", "main\n", "\u202emain", "x" * 2000])
def test_there_is_no_such_branch(scene: Scene, name: str) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    assert scene.projects.branch(scene.project, name) is None


def test_a_branch_of_another_name_is_not_believed(scene: Scene) -> None:
    told = {"name": "other", "commit": {"id": "a" * 40}}
    scene.gitlab.faults.answers(Reply(document=told), "/repository/branches/")
    with pytest.raises(Permanent):
        scene.projects.branch(scene.project, "main")


def test_a_tag_of_a_project_that_is_gone_is_not_just_missing(scene: Scene) -> None:
    project = scene.project
    del scene.gitlab.world.projects[scene.wobble.id]
    with pytest.raises(NotFound):
        scene.projects.tag(project, "v1")


def test_all_tags_come_newest_first_from_all_pages(scene: Scene) -> None:
    names = [f"v{number}" for number in range(205)]
    scene.gitlab.push_tags(scene.wobble, dict.fromkeys(names, "main"), scene.ada, message="one of many")
    scene.gitlab.asked.clear()
    assert [tag.name for tag in scene.projects.tags(scene.project)] == names[::-1]
    assert len(scene.gitlab.asked) == 1 + 3


def test_pages_that_nobody_wants_are_not_asked_for(scene: Scene) -> None:
    scene.gitlab.push_tags(scene.wobble, {f"v{number}": "main" for number in range(150)}, scene.ada)
    project = scene.project
    scene.gitlab.asked.clear()
    assert next(scene.projects.tags(project)).sha
    assert len(scene.gitlab.asked) == 1


def test_levels_are_those_of_members(scene: Scene) -> None:
    bob = scene.gitlab.person("bob")
    assert scene.projects.level(scene.project, scene.ada.id) == 50
    assert scene.projects.level(scene.project, bob.id) == 0
    scene.gitlab.member(scene.wobble, bob, 20)
    assert scene.projects.level(scene.project, bob.id) == 20
    assert scene.projects.level(scene.project, 999_999) == 0


def test_reading_needs_the_scope_read_api_alone(scene: Scene) -> None:
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    scene.token = scene.gitlab.personal_token(scene.ada, ["read_api"])
    assert [tag.name for tag in scene.projects.tags(scene.project)] == ["v1"]
    assert scene.projects.level(scene.project, scene.ada.id) == 50
    scene.token = scene.gitlab.personal_token(scene.ada, ["read_user"])
    with pytest.raises(Forbidden) as caught:
        scene.projects.project("lab", scene.wobble.id)
    assert "higher privileges" in caught.value.message


def test_a_token_that_ran_out_or_was_revoked_is_told_as_such(scene: Scene) -> None:
    scene.token = scene.gitlab.personal_token(scene.ada, ["api"], seconds=60)
    assert scene.project.number == scene.wobble.id
    scene.gitlab.advance(61)
    with pytest.raises(Forbidden, match="expired"):
        scene.projects.project("lab", scene.wobble.id)
    scene.token = scene.gitlab.personal_token(scene.ada, ["api"])
    scene.gitlab.revoke(scene.token)
    with pytest.raises(Forbidden, match="revoked"):
        scene.projects.project("lab", scene.wobble.id)


def test_what_is_no_token_is_never_sent(scene: Scene) -> None:
    scene.token = "two words\r\nX-Evil: 1"
    with pytest.raises(Forbidden):
        scene.projects.project("lab", scene.wobble.id)
    assert scene.gitlab.asked == []


def test_a_renewed_token_file_is_read_anew(scene: Scene) -> None:
    place = scene.folder / "token"
    place.write_text("glpat-old\n")
    projects = GitlabProjects(GitlabSites({"lab": GitlabSite(scene.gitlab.url, token_file=place)}))
    with pytest.raises(Forbidden):
        projects.project("lab", scene.wobble.id)
    place.write_text(f"{scene.token}\n")
    assert projects.project("lab", scene.wobble.id).path == "stars/wobble"
    place.unlink()
    with pytest.raises(Forbidden, match="cannot be read"):
        projects.project("lab", scene.wobble.id)


def test_an_outage_is_waited_out_and_asked_once(scene: Scene) -> None:
    projects = scene.projects
    with scene.gitlab.down(), pytest.raises(Away):
        projects.project("lab", scene.wobble.id)
    assert projects.project("lab", scene.wobble.id).path == "stars/wobble"
    assert len(scene.gitlab.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 522])
def test_a_server_in_trouble_is_away(scene: Scene, status: int) -> None:
    scene.gitlab.faults.status(status)
    with pytest.raises(Away):
        scene.projects.project("lab", scene.wobble.id)
    assert len(scene.gitlab.asked) == 1


def test_a_rate_limit_says_how_long_to_wait_and_is_not_slept_away(scene: Scene) -> None:
    scene.gitlab.faults.limited(37)
    with pytest.raises(Away) as caught:
        scene.projects.project("lab", scene.wobble.id)
    assert caught.value.delay == 37.0
    assert len(scene.gitlab.asked) == 1


def test_a_lost_answer_may_be_asked_for_again(scene: Scene) -> None:
    scene.gitlab.faults.lost()
    with pytest.raises(Temporary):
        scene.projects.project("lab", scene.wobble.id)
    assert scene.project.path == "stars/wobble"
