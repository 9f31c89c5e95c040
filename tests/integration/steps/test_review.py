"""A publication that waits for a person: nothing is released without a yes, nothing is at work meanwhile, nothing is lost."""

from typing import Any

import pytest

from fakes.actors import ADA
from fakes.small_project import MANIFEST, commit
from tagstone.actions.approve import approve, approved_before, review
from tagstone.actions.diff import stored_code
from tagstone.actions.submit import cancel
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.errors import Conflict
from tagstone.store import publications
from tagstone.store import steps as journal

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


@pytest.fixture
def reviewed(site: Site) -> Site:
    """A site whose project asks for a review; v1.0.0 is tagged."""
    (site.repository / "tagstone.yml").write_text(MANIFEST + "deposit: {review: true}\n")
    commit(site.repository, "v1.0.0")
    return site


def held(site: Site, tag: str = "v1.0.0") -> str:
    """A publication that came to rest."""
    publication = str(site.submit(tag))
    assert site.go(publication) == "stop"
    return publication


def say_yes(site: Site, publication: str) -> None:
    with site.application.sessions.write() as session:
        attempt = publications.get(session, publication).attempt
        approve(session, site.queue, 5.0, publication, attempt, ADA)


def drafts(site: Site) -> list[str]:
    folder = site.application.home / "depository" / "deposits"
    return sorted(path.name for path in folder.iterdir())


def state_of_draft(site: Site, publication: str) -> DepositState:
    return DepositState(site.application.depository.find(site.facts(publication).deposit.id).state)


def test_what_asks_for_a_review_comes_to_rest_before_its_release(reviewed: Site) -> None:
    publication = held(reviewed)
    row = reviewed.row(publication)
    assert (row.state, row.step) == (State.WORKING, Step.REVIEW)
    assert row.waiting == f"waits for approval: `tagstone approve {publication}`"
    assert state_of_draft(reviewed, publication) is DepositState.DRAFT


def test_at_rest_it_is_nobodys_work_and_leaves_no_run_behind(reviewed: Site) -> None:
    held(reviewed)
    with reviewed.application.sessions.read() as session:
        assert publications.active(session) == []
    assert list((reviewed.runner.folder).glob("p*")) == []


def test_approved_it_is_released_by_the_next_attempt(reviewed: Site) -> None:
    publication = held(reviewed)
    say_yes(reviewed, publication)
    assert reviewed.queue.queued[-1] == (publication, "publication", 2)
    assert reviewed.go(publication) == "go"
    row = reviewed.row(publication)
    assert (row.state, row.approved_at, row.approved_by, row.waiting) == (State.PUBLISHED, 5.0, "ada", None)
    assert reviewed.runner.begun == 1


def test_the_attempt_that_came_to_rest_does_nothing_more_though_it_is_found_again(reviewed: Site) -> None:
    publication = held(reviewed)
    say_yes(reviewed, publication)
    assert reviewed.perform(publication, Step.REVIEW, attempt=1) == "stop"
    assert reviewed.perform(publication, Step.RELEASE, attempt=1) == "stop"
    assert state_of_draft(reviewed, publication) is DepositState.DRAFT


def test_found_again_before_the_approval_it_comes_to_rest_again(reviewed: Site) -> None:
    publication = held(reviewed)
    assert reviewed.perform(publication, Step.REVIEW, attempt=1) == "stop"
    say_yes(reviewed, publication)
    assert reviewed.go(publication) == "go"


def test_a_second_yes_queues_nothing(reviewed: Site) -> None:
    publication = held(reviewed)
    say_yes(reviewed, publication)
    with pytest.raises(Conflict, match="does not wait for approval"):
        say_yes(reviewed, publication)
    assert approved_before(reviewed.row(publication))
    assert len(reviewed.queue.queued) == 2


def test_what_is_not_finished_or_asks_for_no_review_cannot_be_approved(reviewed: Site) -> None:
    publication = reviewed.submit()
    reviewed.go(publication, until=Step.UPLOAD)
    with pytest.raises(Conflict, match="does not wait for approval"):
        say_yes(reviewed, publication)


def test_a_draft_that_is_another_than_the_one_looked_at_is_not_approved(reviewed: Site) -> None:
    publication = held(reviewed)
    with pytest.raises(Conflict, match="changed since"), reviewed.application.sessions.write() as session:
        approve(session, reviewed.queue, 5.0, publication, 7, ADA)


def test_a_review_that_is_refused_in_the_manifest_holds_nothing(site: Site) -> None:
    (site.repository / "tagstone.yml").write_text(MANIFEST + "deposit: {review: false}\n")
    commit(site.repository, "v1.0.0")
    assert site.go(site.submit()) == "go"


def test_where_review_is_the_sites_default_it_is_asked_for(site: Site) -> None:
    site.policy["reviewed"] = ("local",)
    assert site.row(held(site)).step == Step.REVIEW


def test_a_rehearsal_is_never_reviewed(reviewed: Site) -> None:
    assert reviewed.go(reviewed.submit(kind=Kind.REHEARSAL)) == "go"


def test_cancelled_at_rest_the_draft_is_given_back_and_the_approval_has_to_be_given_anew(reviewed: Site) -> None:
    publication = held(reviewed)
    with reviewed.application.sessions.write() as session:
        cancel(session, reviewed.queue, 5.0, publication, ADA)
    assert reviewed.queue.queued[-1] == (publication, "publication", 2)
    assert reviewed.perform(publication, Step.RESOLVE, attempt=2) == "stop"
    assert (reviewed.row(publication).state, drafts(reviewed)) == (State.CANCELLED, [])
    with pytest.raises(Conflict):
        say_yes(reviewed, publication)


def test_an_approval_ends_with_the_draft_it_was_given_to(reviewed: Site) -> None:
    publication = held(reviewed)
    say_yes(reviewed, publication)
    with reviewed.application.sessions.write() as session:
        cancel(session, reviewed.queue, 6.0, publication, ADA)
    assert reviewed.perform(publication, Step.RESOLVE) == "stop"
    assert reviewed.row(publication).approved_at is None


def test_a_later_tag_waits_for_the_one_that_waits_for_approval(reviewed: Site) -> None:
    first = held(reviewed)
    commit(reviewed.repository, "v1.1.0")
    second = reviewed.submit("v1.1.0")
    assert reviewed.go(second) == "wait"
    assert reviewed.row(second).waiting == f"waits for v1.0.0, which waits for approval: `tagstone approve {first}`"
    say_yes(reviewed, first)
    assert reviewed.go(first) == "go"
    assert reviewed.go(second) == "stop"
    say_yes(reviewed, second)
    assert reviewed.go(second) == "go"
    assert reviewed.row(second).concept_doi == reviewed.row(first).concept_doi


def test_a_tag_that_moves_while_it_waits_hands_its_draft_on_to_be_looked_at_anew(reviewed: Site) -> None:
    first = held(reviewed)
    reserved = reviewed.row(first).doi
    (reviewed.repository / "analysis.py").write_text("print('mended')\n")
    commit(reviewed.repository, "v1.0.0")
    second = reviewed.submit(supersede=True)
    row = reviewed.row(first)
    assert (row.state, row.waiting, row.finished_at is not None) == (State.SUPERSEDED, None, True)
    assert reviewed.go(second) == "stop"
    assert (reviewed.row(second).doi, len(drafts(reviewed))) == (reserved, 1)
    with pytest.raises(Conflict):
        say_yes(reviewed, first)
    say_yes(reviewed, second)
    assert reviewed.go(second) == "go"


def test_asking_again_for_a_tag_that_waits_queues_nothing(reviewed: Site) -> None:
    publication = held(reviewed)
    assert reviewed.submit() == publication
    assert len(reviewed.queue.queued) == 1


def test_the_review_shows_what_would_be_released_and_what_changed(reviewed: Site) -> None:
    first = held(reviewed)
    say_yes(reviewed, first)
    reviewed.go(first)
    (reviewed.repository / "analysis.py").write_text("print('better')\n")
    commit(reviewed.repository, "v1.1.0")
    second = held(reviewed, "v1.1.0")
    with reviewed.application.sessions.read() as session:
        shown = review(session, second, stored_code(reviewed.application.storage))
    assert shown.changes is not None
    assert "~ analysis.py: +1 -1 lines" in shown.changes.as_text()
    assert {"tagstone.json", "outputs/results/table.csv"} <= {file.path for file in shown.files}
    assert shown.as_json()["size"] == sum(file.size for file in shown.files)
    assert shown.depository == "local"


def test_the_journal_says_that_the_step_waits(reviewed: Site) -> None:
    publication = held(reviewed)
    with reviewed.application.sessions.read() as session:
        assert journal.rests(session, publication, Step.REVIEW)
        assert not journal.is_done(session, publication, Step.REVIEW)
