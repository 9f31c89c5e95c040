"""What becomes of an image that a CI job hands in, and every job that may not hand one in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.actors import ADA
from fakes.installation import Installation
from fakes.job import Pipelines
from fakes.registry import FakeRegistry
from tagstone.actions.build import image_name
from tagstone.actions.submit import cancel
from tagstone.actions.take_in import HandedIn
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.people.deed import Deed, Origin
from tagstone.domain.publications.publication import State, Step
from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, TagstoneError, Temporary
from tagstone.store import audit, publications
from tagstone.store import steps as journal
from tagstone.store.audit import Wanted
from tagstone.store.tables import Audit, Publication, SpentToken


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Pipelines]:
    installation = Installation(tmp_path)
    yield Pipelines(installation)
    installation.close()


@pytest.fixture
def pipelines(site: Pipelines) -> Pipelines:
    site.register()
    return site


def end(pipelines: Pipelines, state: State) -> None:
    with pipelines.installation.sessions.write() as session:
        for row in session.query(Publication):
            row.state = state


def test_the_image_is_adopted_by_the_tags_publication(pipelines: Pipelines):
    digest = pipelines.push()
    done = pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest, "run: {}\n"))
    (row,) = pipelines.rows()
    assert (done.publication, done.new, done.state) == (row.id, True, State.QUEUED)
    assert (row.ref, row.commit, row.kind) == ("v1.0.0", pipelines.claims()["sha"], "publication")
    assert row.handed_image == f"{image_name(pipelines.identity())}@{digest}"
    with pipelines.installation.sessions.read() as session:
        assert publications.get(session, row.id).handed_manifest == "run: {}\n"
    assert pipelines.queue.queued == [(row.id, "publication", 1)]


def test_deliveries_that_waited_for_the_image_are_done_with_it(site: Pipelines):
    registration = site.register()
    mine, other = site.waiting_delivery(registration), site.waiting_delivery(registration, "v2.0.0")
    done = site.intake.take_in("gitlab", site.claims(), HandedIn(site.push()))
    assert (site.delivery(mine).state, site.delivery(mine).publication_id) == ("done", done.publication)
    assert site.delivery(other).state == "waiting"


def test_a_rehearsal_settles_nothing_and_has_its_own_publication(site: Pipelines):
    waiting = site.waiting_delivery(site.register())
    done = site.intake.take_in("gitlab", site.claims(), HandedIn(site.push(), rehearsal=True))
    assert done.publication.startswith("r")
    assert site.delivery(waiting).state == "waiting"


def test_an_image_under_the_projects_own_path_is_found_too(pipelines: Pipelines):
    digest = pipelines.push(name="stars/wobble")
    pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest))
    assert pipelines.rows()[0].handed_image == f"stars/wobble@{digest}"


def test_an_image_in_the_registry_of_the_projects_gitlab_is_found_by_its_path(pipelines: Pipelines):
    theirs = pipelines.job_registries["gitlab"] = FakeRegistry()
    digest = pipelines.push(name="stars/wobble", registry=theirs)
    pipelines.push(18, name="stars/timing", registry=theirs)
    pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest))
    assert pipelines.rows()[0].handed_image == f"gitlab:stars/wobble@{digest}"


def test_another_projects_image_in_the_registry_of_gitlab_is_not_found(pipelines: Pipelines):
    theirs = pipelines.job_registries["gitlab"] = FakeRegistry()
    with pytest.raises(NotFound, match="has no image"):
        pipelines.intake.take_in(
            "gitlab", pipelines.claims(), HandedIn(pipelines.push(18, name="stars/timing", registry=theirs))
        )


def test_a_service_that_builds_itself_is_told_of_the_tag_alone(site: Pipelines):
    site.register(builder=ImageBuilder.SERVICE)
    site.intake.take_in("gitlab", site.claims(), HandedIn())
    assert site.rows()[0].handed_image is None


@pytest.mark.attack("tokens of jobs")
def test_the_same_question_is_answered_the_same_and_has_one_effect(pipelines: Pipelines):
    handed = HandedIn(pipelines.push())
    first = pipelines.intake.take_in("gitlab", pipelines.claims(), handed)
    again = pipelines.intake.take_in("gitlab", pipelines.claims(), handed)
    assert (again.publication, again.new) == (first.publication, False)
    assert len(pipelines.queue.queued) == len(pipelines.rows()) == 1


def written(pipelines: Pipelines) -> list[Audit]:
    with pipelines.installation.sessions.read() as session:
        return audit.newest(session, Wanted(), 100)


def test_what_was_handed_in_is_written_down_once_with_its_job(pipelines: Pipelines):
    handed = HandedIn(pipelines.push())
    done = pipelines.intake.take_in("gitlab", pipelines.claims(), handed)
    pipelines.intake.take_in("gitlab", pipelines.claims(), handed)
    (row,) = written(pipelines)
    assert (row.deed, row.actor, row.origin, row.subject) == (Deed.HANDED_IN, "ada", Origin.JOB, done.publication)
    assert "v1.0.0 of stars/wobble, job 2" in row.detail


def test_a_refusal_is_written_down_with_its_reason(site: Pipelines):
    with pytest.raises(Forbidden):
        site.intake.take_in("gitlab", site.claims(), HandedIn())
    (row,) = written(site)
    assert (row.deed, row.subject) == (Deed.HAND_IN_REFUSED, "gitlab 17")
    assert "not registered" in row.detail


@pytest.mark.attack("tokens of jobs")
def test_whoever_is_refused_without_end_fills_no_log(site: Pipelines):
    for _ in range(30):
        with pytest.raises(Forbidden):
            site.intake.take_in("gitlab", site.claims(ref="x" * 1000), HandedIn())
    assert len(written(site)) == 10
    site.clock.advance(61)
    with pytest.raises(Forbidden):
        site.intake.take_in("gitlab", site.claims(), HandedIn())
    assert len(written(site)) == 11


def unprotected_now(pipelines: Pipelines) -> None:
    pipelines.tag(protected=False)


def moved_now(pipelines: Pipelines) -> None:
    pipelines.forge.repositories["gitlab:gitlab/17"].files["analysis.py"] = b"other"
    pipelines.forge.commit("gitlab:gitlab/17")
    pipelines.tag()


def gone_now(pipelines: Pipelines) -> None:
    pipelines.forges.tagged.clear()


def nothing(_: Pipelines) -> None:
    """All is as it was."""


ATTACKS: dict[str, tuple[dict[str, Any], Callable[[Pipelines], None], type[TagstoneError], str]] = {
    "a fork": ({"project_id": "99", "job_project_id": "99"}, nothing, Forbidden, "not registered here, or is a fork"),
    "another project's job in our pipeline": ({"job_project_id": "99"}, nothing, Forbidden, "another project's"),
    "a branch": ({"ref_type": "branch", "ref": "main"}, nothing, Forbidden, "runs for a branch"),
    "a branch that is called like the tag": ({"ref_type": "branch"}, nothing, Forbidden, "runs for a branch"),
    "an unprotected tag": ({"ref_protected": "false"}, nothing, Forbidden, "not protected"),
    "a truth that is no text": ({"ref_protected": True}, nothing, Forbidden, "not protected"),
    "a merge request's pipeline": ({"pipeline_source": "merge_request_event"}, nothing, Forbidden, "was begun by"),
    "no pipeline's source": ({"pipeline_source": None}, nothing, Forbidden, "was begun by"),
    "a tag that was moved": ({}, moved_now, Forbidden, "the tag was moved"),
    "a tag that lost its protection": ({}, unprotected_now, Forbidden, "not protected any more"),
    "a tag that is gone": ({}, gone_now, Conflict, "not there any more"),
    "a commit that is not the tag's": ({"sha": "f" * 40}, nothing, Forbidden, "the tag was moved"),
    "no number of its own": ({"jti": None}, nothing, Invalid, "does not say jti"),
    "a project that is no number": ({"project_id": "17; DROP"}, nothing, Invalid, "project_id"),
}


@pytest.mark.attack("tokens of jobs")
@pytest.mark.parametrize(("changes", "before", "kind", "told"), ATTACKS.values(), ids=ATTACKS)
def test_a_job_that_may_not_is_refused_with_its_own_message_and_nothing_changes(
    pipelines: Pipelines,
    changes: dict[str, Any],
    before: Callable[[Pipelines], None],
    kind: type[TagstoneError],
    told: str,
):
    digest, claims = pipelines.push(), pipelines.claims(**changes)
    before(pipelines)
    with pytest.raises(kind, match=told):
        pipelines.intake.take_in("gitlab", claims, HandedIn(digest))
    assert (pipelines.rows(), pipelines.queue.queued) == ([], [])


@pytest.mark.parametrize("standing", [Standing.ASKED, Standing.REFUSED, Standing.ENDED])
def test_a_project_that_was_not_granted_is_refused(site: Pipelines, standing: Standing):
    site.register(standing=standing)
    with pytest.raises(Forbidden, match="not registered"):
        site.intake.take_in("gitlab", site.claims(), HandedIn(site.push()))


@pytest.mark.attack("tokens of jobs")
def test_the_same_number_at_another_forge_is_another_project(pipelines: Pipelines):
    with pytest.raises(Forbidden, match="not registered"):
        pipelines.intake.take_in("other", pipelines.claims(), HandedIn(pipelines.push()))


@pytest.mark.attack("tokens of jobs")
def test_another_projects_digest_is_not_found(pipelines: Pipelines):
    pipelines.register(18, "stars/timing")
    with pytest.raises(NotFound, match="has no image"):
        pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(pipelines.push(18)))


def test_a_registry_that_refuses_to_say_does_not_have_it(pipelines: Pipelines):
    pipelines.registry.fail("manifest", Forbidden("denied", remedy="Ask."))
    digest = pipelines.push(name="stars/wobble")
    assert pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest)).new


@pytest.mark.parametrize("digest", ["latest", "sha256:short", "sha512:" + "0" * 128, "", "sha256:" + "G" * 64])
def test_what_is_no_digest_is_invalid(pipelines: Pipelines, digest: str):
    with pytest.raises(Invalid, match="is not a sha256 digest"):
        pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest))


def test_each_project_has_one_builder(site: Pipelines):
    site.register()
    site.register(18, "stars/timing", ImageBuilder.SERVICE)
    with pytest.raises(Conflict, match="hands none in"):
        site.intake.take_in("gitlab", site.claims(), HandedIn())
    with pytest.raises(Conflict, match="built by this service"):
        site.intake.take_in("gitlab", site.claims(18), HandedIn(site.push(18)))


@pytest.mark.attack("tokens of jobs")
def test_a_used_token_is_good_for_nothing_else(pipelines: Pipelines):
    first, second = pipelines.push(), pipelines.push(mark="other")
    pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(first))
    for other in (HandedIn(second), HandedIn(first, rehearsal=True), HandedIn(first, "run: {}")):
        with pytest.raises(Conflict, match="used already"):
            pipelines.intake.take_in("gitlab", pipelines.claims(), other)
    assert pipelines.rows()[0].handed_image == f"{image_name(pipelines.identity())}@{first}"


def test_a_publication_at_work_keeps_its_image(pipelines: Pipelines):
    pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(pipelines.push()))
    with pytest.raises(Conflict, match="another image"):
        pipelines.intake.take_in("gitlab", pipelines.claims(jti="token-2"), HandedIn(pipelines.push(mark="b")))


def test_a_failed_one_takes_another_image_and_does_again_what_stood_on_the_first(pipelines: Pipelines):
    done = pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(pipelines.push()))
    for step in (Step.RESOLVE, Step.BUILD, Step.RESERVE):
        pipelines.installation.step(done.publication, step, "done")
    end(pipelines, State.FAILED)
    second = pipelines.push(mark="b")
    again = pipelines.intake.take_in("gitlab", pipelines.claims(jti="token-2"), HandedIn(second))
    assert (again.publication, again.new) == (done.publication, True)
    with pipelines.installation.sessions.read() as session:
        assert [row.step for row in journal.of(session, done.publication)] == [Step.RESOLVE]
    assert str(pipelines.rows()[0].handed_image).endswith(second)


def test_what_may_have_been_released_keeps_its_image(pipelines: Pipelines):
    done = pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(pipelines.push()))
    for step in (Step.RESOLVE, Step.RELEASE):
        pipelines.installation.step(done.publication, step, "done")
    end(pipelines, State.FAILED)
    with pytest.raises(Conflict, match="another image"):
        pipelines.intake.take_in("gitlab", pipelines.claims(jti="token-2"), HandedIn(pipelines.push(mark="b")))


@pytest.mark.attack("moved tags")
def test_a_moved_tag_takes_the_place_of_an_attempt_only_when_that_has_ended(pipelines: Pipelines):
    first = pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(pipelines.push()))
    moved_now(pipelines)
    with pytest.raises(Conflict, match="moved from commit"):
        pipelines.intake.take_in("gitlab", pipelines.claims(jti="token-2"), HandedIn(pipelines.push()))
    with pipelines.installation.sessions.write() as session:
        cancel(session, pipelines.queue, 1.0, first.publication, ADA)
    end(pipelines, State.CANCELLED)
    second = pipelines.intake.take_in("gitlab", pipelines.claims(jti="token-3"), HandedIn(pipelines.push()))
    assert second.new
    assert second.publication != first.publication


@pytest.mark.attack("outages")
@pytest.mark.parametrize("where", ["forge", "registry", "queue"])
def test_trouble_on_the_way_leaves_nothing_behind_and_the_token_good(pipelines: Pipelines, where: str):
    digest = pipelines.push()
    if where == "forge":
        pipelines.forges.trouble = Away("GitLab is away.")
    elif where == "registry":
        pipelines.registry.fail("manifest", Temporary("The registry is away."))
    else:
        pipelines.queue.broken = True
    with pytest.raises(Temporary):
        pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest))
    assert pipelines.rows() == []
    pipelines.forges.trouble, pipelines.queue.broken = None, False
    assert pipelines.intake.take_in("gitlab", pipelines.claims(), HandedIn(digest)).new


def test_used_tokens_are_forgotten_long_after_they_expired(pipelines: Pipelines):
    handed = HandedIn(pipelines.push())
    pipelines.intake.take_in("gitlab", pipelines.claims(), handed)
    pipelines.clock.advance(4000)
    pipelines.intake.take_in("gitlab", pipelines.claims(jti="token-2", exp=pipelines.clock.now() + 60), handed)
    with pipelines.installation.sessions.read() as session:
        assert session.query(SpentToken).count() == 1
