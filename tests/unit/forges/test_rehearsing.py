"""A branch's or merge request's own job may rehearse; a fork's, another's and one that is behind may not, and nothing is published."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.installation import Installation
from fakes.job import Pipelines
from tagstone.actions.take_in import HandedIn
from tagstone.domain.forges.registration import ImageBuilder
from tagstone.domain.publications.publication import State
from tagstone.errors import Away, Conflict, Forbidden, NotFound

REHEARSAL = HandedIn(manifest="deposit: {to: local}\n", rehearsal=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pipelines]:
    installation = Installation(tmp_path)
    pipelines = Pipelines(installation)
    pipelines.register()
    pipelines.branch()
    yield pipelines
    installation.close()


@pytest.mark.parametrize("source", ["push", "web", "merge_request_event", "schedule"])
def test_a_branchs_own_job_begins_a_rehearsal(site: Pipelines, source: str):
    done = site.intake.take_in("gitlab", site.branch_claims(pipeline_source=source), REHEARSAL)
    (row,) = site.rows()
    assert (row.kind, row.ref, row.commit) == ("rehearsal", "main", site.forges.branches[17, "main"])
    assert (done.publication, done.state, row.handed_image, row.pushed_by) == (row.id, State.QUEUED, None, "ada")
    assert site.queue.queued == [(row.id, "rehearsal", 1)]


def test_no_image_is_needed_though_the_pipeline_builds_those_of_tags_and_one_that_is_handed_in_is_adopted(site: Pipelines):
    assert site.intake.take_in("gitlab", site.branch_claims(), REHEARSAL).new
    handed = HandedIn(site.push(), rehearsal=True)
    site.installation.clock.advance(1)
    assert site.intake.take_in("gitlab", site.claims(jti="token-2"), handed).new
    assert [bool(row.handed_image) for row in site.rows()] == [False, True]


def test_the_same_question_has_one_effect_and_another_needs_another_token(site: Pipelines):
    first = site.intake.take_in("gitlab", site.branch_claims(), REHEARSAL)
    assert site.intake.take_in("gitlab", site.branch_claims(), REHEARSAL).publication == first.publication
    with pytest.raises(Conflict, match="used already"):
        site.intake.take_in("gitlab", site.branch_claims(), HandedIn(rehearsal=True))
    assert len(site.queue.queued) == 1


def test_a_new_commit_is_rehearsed_beside_the_one_before(site: Pipelines):
    first = site.intake.take_in("gitlab", site.branch_claims(), REHEARSAL)
    site.forge.repositories["gitlab:gitlab/17"].files["analysis.py"] = b"other"
    site.forge.commit("gitlab:gitlab/17")
    site.branch()
    second = site.intake.take_in("gitlab", site.branch_claims(jti="token-2"), REHEARSAL)
    assert (second.new, second.publication != first.publication) == (True, True)


def moved_on(site: Pipelines) -> None:
    site.forges.branches[17, "main"] = "e" * 40


def gone(site: Pipelines) -> None:
    site.forges.branches.clear()


def nothing(_: Pipelines) -> None:
    """All is as it was."""


ATTACKS: dict[str, tuple[dict[str, Any], Callable[[Pipelines], None], str]] = {
    "a fork": ({"project_id": "99", "job_project_id": "99"}, nothing, "not registered here, or is a fork"),
    "a fork's merge request in our pipeline": (
        {"pipeline_source": "merge_request_event", "ref": "evil", "sha": "f" * 40},
        nothing,
        "no branch 'evil': it is gone, or a fork's",
    ),
    "a fork's branch that is called like ours": (
        {"pipeline_source": "merge_request_event", "sha": "f" * 40},
        nothing,
        "another project's of the same name",
    ),
    "another project's job in our pipeline": ({"job_project_id": "99"}, nothing, "another project's"),
    "a branch that moved on": ({}, moved_on, "the branch moved on"),
    "a branch that is gone": ({}, gone, "it is gone"),
    "a way to begin that is nobody's": ({"pipeline_source": "external_pull_request_event"}, nothing, "was begun by"),
    "no type of ref": ({"ref_type": None}, nothing, "only tags are published"),
    "another type of ref": ({"ref_type": "merge_request"}, nothing, "only tags are published"),
    "an unprotected tag": ({"ref_type": "tag", "ref": "v1.0.0"}, nothing, "not protected"),
}


@pytest.mark.attack("claims of rehearsals")
@pytest.mark.parametrize("case", ATTACKS)
def test_any_other_job_is_refused_in_its_own_words_and_nothing_changes(
    site: Pipelines, case: str, record_property: Callable[[str, object], None]
):
    changes, before, told = ATTACKS[case]
    claims = site.branch_claims(**changes)
    before(site)
    with pytest.raises(Forbidden, match=told) as refused:
        site.intake.take_in("gitlab", claims, REHEARSAL)
    record_property("said", refused.value.message)
    assert (site.rows(), site.queue.queued) == ([], [])


def test_a_branchs_job_cannot_publish(site: Pipelines):
    for handed in (HandedIn(), HandedIn(site.push())):
        with pytest.raises(Forbidden, match="only tags are published"):
            site.intake.take_in("gitlab", site.branch_claims(), handed)
    assert site.rows() == []


def test_another_projects_image_is_not_found(site: Pipelines):
    site.register(18, "stars/timing", ImageBuilder.CI)
    with pytest.raises(NotFound, match="has no image"):
        site.intake.take_in("gitlab", site.branch_claims(), HandedIn(site.push(18), rehearsal=True))


def test_while_the_forge_is_away_nothing_is_believed(site: Pipelines):
    site.forges.trouble = Away("GitLab is away.")
    with pytest.raises(Away):
        site.intake.take_in("gitlab", site.branch_claims(), REHEARSAL)
    assert site.rows() == []
