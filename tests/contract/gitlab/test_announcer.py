"""What is written into a project [doc: releases/_index.md, releases/links.md, commits.md, project_badges.md]."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.gitlab.conftest import Scene
from fakes.gitlab.calls import Reply
from fakes.gitlab.state import Release
from tagstone.adapters.gitlab.announcer import GitlabAnnouncer, _between_marks, _merged
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.domain.forges.remote import Link
from tagstone.errors import Forbidden, Invalid, NotFound, Temporary

DOI = Link("DOI", "https://doi.org/10.5281/zenodo.1")
IMAGE = Link("Image", "https://registry.example.org/wobble", "image")


def links(scene: Scene, tag: str = "v1") -> list[tuple[str, str, str]]:
    """The links of a release, in the order in which they were made."""
    return [(link["name"], link["url"], link["link_type"]) for link in scene.wobble.releases[tag].links.values()]


@pytest.fixture(autouse=True)
def tagged(scene: Scene) -> str:
    """The commit that v1 is set on."""
    return scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)


def test_a_release_is_made_with_text_and_links(scene: Scene) -> None:
    url = scene.announcer.release(scene.project, "v1", "Published.", [DOI, IMAGE])
    assert url == f"{scene.gitlab.url}/stars/wobble/-/releases/v1"
    assert "Published." in scene.wobble.releases["v1"].description
    assert links(scene) == [(DOI.name, DOI.url, "other"), (IMAGE.name, IMAGE.url, "image")]
    assert scene.changes() == [("POST", f"/api/v4/projects/{scene.wobble.id}/releases")]


def test_an_equal_release_is_left_alone(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "Published.", [DOI])
    scene.announcer.release(scene.project, "v1", "Published.", [DOI])
    assert len(scene.changes()) == 1


def test_what_others_wrote_into_a_release_stays(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "First.", [DOI])
    release = scene.wobble.releases["v1"]
    release.description = f"## News\r\n\r\nBy hand.\r\n\r\n{release.description}\r\n\r\nThanks."
    scene.announcer.release(scene.project, "v1", "Second.", [DOI])
    assert "First." not in release.description
    assert release.description.startswith("## News\n\nBy hand.\n\n")
    assert release.description.endswith("\n\nThanks.")
    assert release.description.count("Second.") == 1


def test_a_release_that_the_job_made_gets_our_part(scene: Scene) -> None:
    scene.wobble.releases["v1"] = Release("v1", "Version 1", "Made by hand.", 0.0)
    scene.announcer.release(scene.project, "v1", "Published.", [DOI])
    assert scene.wobble.releases["v1"].description.startswith("Made by hand.\n\n")
    assert scene.wobble.releases["v1"].name == "Version 1"
    assert links(scene) == [(DOI.name, DOI.url, "other")]


def test_links_are_known_by_their_names_and_made_equal(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "x", [Link("DOI", "https://doi.org/10.5281/zenodo.0")])
    scene.announcer.release(scene.project, "v1", "x", [DOI, IMAGE])
    assert links(scene) == [(DOI.name, DOI.url, "other"), (IMAGE.name, IMAGE.url, "image")]


def test_an_address_that_somebody_linked_already_is_theirs(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "x", [Link("My DOI", DOI.url)])
    scene.announcer.release(scene.project, "v1", "x", [DOI])
    assert links(scene) == [("My DOI", DOI.url, "other")]


@pytest.mark.parametrize("tag", ["release/1.0", "ünï", "<b>", "50%"])
def test_odd_tags_have_releases_too(scene: Scene, tag: str) -> None:
    scene.gitlab.push_tag(scene.wobble, tag, scene.ada)
    for _ in range(2):
        scene.announcer.release(scene.project, tag, "Published.", [DOI])
    assert links(scene, tag) == [(DOI.name, DOI.url, "other")]


def test_a_tag_that_is_gone_has_no_release(scene: Scene) -> None:
    with pytest.raises(Invalid):
        scene.announcer.release(scene.project, "v9", "x", [])


@pytest.mark.attack("lost answers")
@pytest.mark.parametrize("fits", ["POST .*/releases$", "PUT .*/releases/v1$", "POST .*/links$", "GET .*/releases/v1$"])
def test_whatever_answer_is_lost_there_is_one_release_in_the_end(scene: Scene, fits: str) -> None:
    scene.announcer.release(scene.project, "v1", "First.", []) if "releases$" not in fits else None
    scene.gitlab.faults.lost(fits)
    with suppress(Temporary):
        scene.announcer.release(scene.project, "v1", "Second.", [DOI, IMAGE])
    scene.announcer.release(scene.project, "v1", "Second.", [DOI, IMAGE])
    assert scene.wobble.releases["v1"].description.count("Second.") == 1
    assert [name for name, _, _ in links(scene)] == ["DOI", "Image"]


def test_our_text_cannot_end_its_part(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "<!-- tagstone: end --> mine <!-- tagstone: begin -->", [])
    scene.announcer.release(scene.project, "v1", "Second.", [])
    assert "mine" not in scene.wobble.releases["v1"].description


@given(st.text(), st.text(), st.text())
def test_a_part_replaces_itself_alone(before: str, first: str, second: str) -> None:
    once = _merged(before, _between_marks(first))
    assert _merged(once, _between_marks(first)) == once
    again = _merged(once, _between_marks(second))
    assert _merged(again, _between_marks(first)) == once


def test_a_status_says_its_step_and_where_to_look(scene: Scene, tagged: str) -> None:
    scene.announcer.status(scene.project, tagged, "running", "build", "https://tagstone.example.org/publications/p1")
    (status,) = scene.wobble.statuses
    assert (status["name"], status["status"], status["description"]) == ("tagstone", "running", "build")
    assert status["target_url"] == "https://tagstone.example.org/publications/p1"


def test_an_equal_status_is_not_sent_again_and_a_text_alone_cannot_change(scene: Scene, tagged: str) -> None:
    for text in ("build", "build", "run"):
        scene.announcer.status(scene.project, tagged, "running", text, "https://x.example.org")
    assert [status["description"] for status in scene.wobble.statuses] == ["build"]
    scene.announcer.status(scene.project, tagged, "success", "published", "https://x.example.org")
    assert [(status["status"], status["description"]) for status in scene.wobble.statuses] == [("success", "published")]


def test_a_second_try_begins_a_status_of_its_own(scene: Scene, tagged: str) -> None:
    for state in ("failed", "running", "success"):
        scene.announcer.status(scene.project, tagged, state, state, "https://x.example.org")
    assert [status["status"] for status in scene.wobble.statuses] == ["failed", "success"]


def test_long_texts_are_cut_where_gitlab_would_refuse_them(scene: Scene, tagged: str) -> None:
    scene.announcer.status(scene.project, tagged, "failed", "x" * 1000, "https://x.example.org")
    assert len(scene.wobble.statuses[0]["description"]) == 255


def test_a_status_that_gitlab_refuses_is_an_error(scene: Scene, tagged: str) -> None:
    with pytest.raises(Invalid):
        scene.announcer.status(scene.project, tagged, "exploded", "x", "https://x.example.org")
    with pytest.raises(NotFound):
        scene.announcer.status(scene.project, "0" * 40, "running", "x", "https://x.example.org")


def test_a_comment_is_made_once_for_each_mark(scene: Scene, tagged: str) -> None:
    for mark in ("p1.failed", "p1.failed", "p1.published"):
        scene.announcer.comment(scene.project, tagged, mark, f"About {mark}")
    notes = [comment["note"] for comment in scene.wobble.comments]
    assert len(notes) == 2
    assert notes[0].startswith("About p1.failed\n")


@pytest.mark.attack("lost answers")
def test_a_comment_whose_answer_was_lost_is_not_doubled(scene: Scene, tagged: str) -> None:
    scene.gitlab.faults.lost("POST .*/comments")
    with pytest.raises(Temporary):
        scene.announcer.comment(scene.project, tagged, "p1", "text")
    scene.announcer.comment(scene.project, tagged, "p1", "text")
    assert len(scene.wobble.comments) == 1


@pytest.mark.parametrize("mark", ["", "-->", "a b", "a\nb"])
def test_a_mark_cannot_show_itself(scene: Scene, tagged: str, mark: str) -> None:
    with pytest.raises(Invalid):
        scene.announcer.comment(scene.project, tagged, mark, "text")
    assert scene.wobble.comments == []


def test_there_is_one_badge_and_it_is_made_equal(scene: Scene) -> None:
    scene.wobble.badges[1] = {"id": 1, "kind": "project", "name": "build", "link_url": "https://x", "image_url": "https://x"}
    for image in ("https://t.example.org/1.svg", "https://t.example.org/1.svg", "https://t.example.org/2.svg"):
        scene.announcer.badge(scene.project, "https://t.example.org", image)
    ours = [badge for badge in scene.wobble.badges.values() if badge["name"] == "tagstone"]
    assert [badge["image_url"] for badge in ours] == ["https://t.example.org/2.svg"]
    assert len(scene.changes()) == 2


def test_a_token_that_may_only_look_changes_nothing(scene: Scene, tagged: str) -> None:
    scene.token = scene.gitlab.personal_token(scene.ada, ["read_api"])
    for call in (
        lambda: scene.announcer.release(scene.project, "v1", "x", []),
        lambda: scene.announcer.status(scene.project, tagged, "running", "x", "https://x.example.org"),
        lambda: scene.announcer.comment(scene.project, tagged, "p1", "x"),
        lambda: scene.announcer.badge(scene.project, "https://x.example.org", "https://x.example.org"),
    ):
        with pytest.raises(Forbidden):
            call()
    wobble = scene.wobble
    assert [len(kept) for kept in (wobble.releases, wobble.statuses, wobble.comments, wobble.badges)] == [0, 0, 0, 0]


def test_a_developer_may_release_but_sets_no_badge(scene: Scene) -> None:
    scene.token = scene.gitlab.project_token(scene.wobble, ["api"], level=30)
    scene.announcer.release(scene.project, "v1", "Published.", [DOI])
    with pytest.raises(Forbidden):
        scene.announcer.badge(scene.project, "https://x.example.org", "https://x.example.org")


def test_a_job_releases_with_its_own_token_and_writes_nothing_else(scene: Scene, tagged: str) -> None:
    job = GitlabSite(scene.gitlab.url, scene.gitlab.job_token(scene.wobble, scene.ada), job=True)
    project, announcer = scene.project, GitlabAnnouncer(GitlabSites({"lab": job}))
    for text in ("First.", "Second."):
        announcer.release(project, "v1", text, [DOI])
    assert links(scene) == [(DOI.name, DOI.url, "other")]
    assert "Second." in scene.wobble.releases["v1"].description
    with pytest.raises((Forbidden, NotFound)):
        announcer.status(project, tagged, "running", "build", "https://x.example.org")


def test_a_link_that_the_job_makes_at_the_same_moment_is_looked_at_again(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "x", [])
    taken = Reply(400, {"message": {"name": ["has already been taken"]}})
    scene.gitlab.faults.answers(taken, "POST .*/links$")
    with pytest.raises(Temporary):
        scene.announcer.release(scene.project, "v1", "x", [DOI])
    scene.announcer.release(scene.project, "v1", "x", [DOI])
    assert links(scene) == [(DOI.name, DOI.url, "other")]


def test_a_link_that_gitlab_refuses_is_an_error(scene: Scene) -> None:
    scene.announcer.release(scene.project, "v1", "x", [])
    with pytest.raises(Invalid):
        scene.announcer.release(scene.project, "v1", "x", [Link("DOI", "javascript:alert(1)")])
