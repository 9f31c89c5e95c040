"""What is away is waited for without counting as a failed try; curators are waited for as long as they take."""

from typing import Any

import pytest

from fakes.actors import ADA
from fakes.depository import FakeDepository
from fakes.small_project import MANIFEST, commit
from tagstone.actions.submit import cancel, retry
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.publication import State, Step
from tagstone.errors import Away, Conflict, Forbidden, Temporary
from tagstone.store import publications

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported
DAY = 86_400.0


def tag(site: Site, name: str, created_at: float, deposit: str = "") -> str:
    (site.repository / "analysis.py").write_text(f"print({created_at})\n")
    (site.repository / "tagstone.yml").write_text(MANIFEST + (f"deposit: {deposit}\n" if deposit else ""))
    commit(site.repository, name)
    publication = str(site.submit(name))
    with site.application.sessions.write() as session:
        publications.get(session, publication).created_at = created_at
    return publication


def ask_to_stop(site: Site, publication: str) -> None:
    with site.application.sessions.write() as session:
        cancel(session, site.queue, 3.0, publication, ADA)


def again(site: Site, publication: str) -> None:
    with site.application.sessions.write() as session:
        retry(session, site.queue, 3.0, publication, ADA)


def curated(site: Site, name: str = "v1.0.0") -> str:
    site.policy["communities"] = ("local",)
    return tag(site, name, 20.0, "{community: stars}")


def draft_of(site: Site, publication: str) -> str:
    return str(site.facts(publication).deposit.id)


def test_an_outage_is_no_failed_try(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.UPLOAD)
    fake.fail("upload", Away("The depository cannot be reached."), times=20)
    last = site.application.durations.attempts - 1
    for waits in range(20):
        assert site.answer(publication, Step.UPLOAD, failures=last, waits=waits)[0] == "wait"
        site.clock.advance(3600)
    assert site.row(publication).waiting == "The depository cannot be reached."
    assert site.go(publication) == "go"


def test_waits_grow_to_their_longest_carry_jitter_and_honour_what_was_asked_for(site: Site, fake: FakeDepository):
    publication, durations = site.submit(), site.application.durations
    site.go(publication, until=Step.UPLOAD)
    fake.fail("upload", Away("429", delay=0.0), times=30)
    waits = [site.answer(publication, Step.UPLOAD, waits=number)[1] for number in range(30)]
    assert durations.retry <= waits[0] <= durations.retry * 1.25
    assert durations.retry_longest <= min(waits[10:]) < max(waits[10:]) <= durations.retry_longest * 1.25
    fake.fail("upload", Away("429", delay=50.0))
    assert 50.0 <= site.answer(publication, Step.UPLOAD)[1] <= 62.5
    fake.fail("upload", Away("429", delay=1e9))
    assert site.answer(publication, Step.UPLOAD)[1] <= 3600 * 1.25


def test_an_outage_that_does_not_end_is_told_to_a_person(site: Site, fake: FakeDepository):
    publication, longest = site.submit(), site.application.durations.outage
    site.go(publication, until=Step.UPLOAD)
    fake.fail("list", Away("The depository cannot be reached."), times=3)
    assert site.perform(publication, Step.UPLOAD) == "wait"
    site.clock.advance(longest - 1)
    assert site.perform(publication, Step.UPLOAD) == "wait"
    site.clock.advance(1)
    assert site.perform(publication, Step.UPLOAD) == "stop"
    row = site.row(publication)
    assert (row.state, row.error) == (State.FAILED, "The depository cannot be reached.")
    assert "tagstone retry" in row.remedy
    again(site, publication)
    assert site.go(publication) == "go"


def test_one_outage_is_not_added_to_the_next(site: Site, fake: FakeDepository):
    publication, longest = site.submit(), site.application.durations.outage
    site.go(publication, until=Step.UPLOAD)
    for error in (Away("away"), Temporary("reset"), Away("away")):
        fake.fail("list", error)
        assert site.perform(publication, Step.UPLOAD) in {"wait", "retry"}
        site.clock.advance(longest - 1)
    assert site.go(publication) == "go"


def test_an_outage_of_a_day_leaves_publications_waiting_and_then_finishes_them_in_order(site: Site, fake: FakeDepository):
    tags = [tag(site, f"v1.{number}.0", 10.0 + number) for number in range(3)]
    for publication in tags:
        site.go(publication, until=Step.RESERVE)
    fake.fail("draft", Away("The depository cannot be reached."), times=24)
    for hour in range(24):
        answers = [site.answer(publication, Step.RESERVE, waits=hour)[0] for publication in tags]
        assert answers == ["wait"] * 3
        site.clock.advance(DAY / 24)
    released: list[str] = []
    for publication in (*reversed(tags), *reversed(tags), *reversed(tags)):
        if publication not in released and site.go(publication) == "go":
            released.append(publication)
    assert released == tags
    assert [site.facts(publication).deposit.version_index for publication in tags] == [1, 2, 3]


def test_cancelled_during_an_outage_it_wakes_and_stops_once_the_draft_is_given_back(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.UPLOAD)
    fake.fail("list", Away("The depository cannot be reached."))
    assert site.perform(publication, Step.UPLOAD) == "wait"
    ask_to_stop(site, publication)
    assert site.queue.queued[-1] == (publication, "publication", 2)
    assert site.perform(publication, Step.UPLOAD, attempt=1) == "stop"
    fake.fail("discard", Away("The depository cannot be reached."))
    assert site.perform(publication, Step.RESOLVE, attempt=2) == "wait"
    assert site.row(publication).waiting == "is being stopped: The depository cannot be reached."
    assert site.perform(publication, Step.RESOLVE, attempt=2) == "stop"
    assert (site.row(publication).state, fake.deposits()) == (State.CANCELLED, [])


def test_a_draft_that_may_not_be_discarded_now_is_discarded_for_the_next_tag(site: Site, fake: FakeDepository):
    publication = tag(site, "v1.0.0", 10.0)
    site.go(publication, until=Step.UPLOAD)
    ask_to_stop(site, publication)
    fake.fail("discard", Forbidden("The token was revoked.", remedy="Give another."))
    assert site.perform(publication, Step.UPLOAD) == "stop"
    assert site.row(publication).state == State.CANCELLED
    following = tag(site, "v1.1.0", 11.0)
    assert site.go(following) == "go"
    assert len(fake.deposits()) == 1


def test_a_release_whose_answer_never_came_is_looked_for_then_told(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.RELEASE)
    fake.fail("publish", Temporary("504"))
    assert site.perform(publication, Step.RELEASE) == "wait"
    assert "not seen yet" in site.row(publication).waiting
    site.clock.advance(site.application.durations.released)
    assert site.perform(publication, Step.RELEASE) == "stop"
    assert f"tagstone retry {publication}" in site.row(publication).remedy
    assert fake.calls("publish") == 0
    again(site, publication)
    assert site.go(publication) == "go"
    assert fake.calls("publish") == 1


def test_a_release_that_had_happened_is_found_by_a_retry_without_asking(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.RELEASE)
    fake.fail("publish", Temporary("504"))
    site.perform(publication, Step.RELEASE)
    site.clock.advance(site.application.durations.released)
    assert site.perform(publication, Step.RELEASE) == "stop"
    fake.publish(draft_of(site, publication))
    again(site, publication)
    assert site.go(publication) == "go"
    assert fake.calls("publish") == 1


def test_curators_are_waited_for_ever_more_rarely_and_accept(site: Site, fake: FakeDepository):
    publication = curated(site)
    assert site.go(publication) == "wait"
    assert "waits for the curators of stars" in site.row(publication).waiting
    waits = [site.answer(publication, Step.RELEASE, waits=number)[1] for number in (0, 10, 40, 100)]
    assert waits == sorted(waits)
    assert waits[-1] > 100 * waits[0]
    fake.curate(draft_of(site, publication), accept=True)
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED
    assert fake.calls("submit") == 1


def test_what_waits_for_curators_holds_its_series_and_they_look_at_first_versions_only(site: Site, fake: FakeDepository):
    first = curated(site)
    assert site.go(first) == "wait"
    second = curated(site, "v1.1.0")
    assert site.go(second) == "wait"
    assert site.row(second).waiting == "waits for v1.0.0, which waits for the curators of its community"
    fake.curate(draft_of(site, first), accept=True)
    assert site.go(first) == "go"
    assert site.go(second) == "go"
    assert fake.calls("submit") == 2


def test_what_curators_decline_fails_and_may_be_submitted_again(site: Site, fake: FakeDepository):
    publication = curated(site)
    site.go(publication)
    fake.curate(draft_of(site, publication), accept=False)
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert "The curators of stars declined it" in row.error
    assert "tagstone retry" in row.remedy
    again(site, publication)
    assert site.go(publication) == "wait"
    assert fake.calls("submit") == 2


def test_a_tag_that_moves_after_curators_declined_takes_the_draft_over(site: Site, fake: FakeDepository):
    first = curated(site)
    site.go(first)
    fake.curate(draft_of(site, first), accept=False)
    site.go(first)
    reserved = site.row(first).doi
    (site.repository / "analysis.py").write_text("print('as they wished')\n")
    commit(site.repository, "v1.0.0")
    second = site.submit(supersede=True)
    assert site.go(second) == "wait"
    assert site.row(second).doi == reserved
    fake.curate(draft_of(site, second), accept=True)
    assert site.go(second) == "go"
    assert len(fake.deposits()) == 1


def test_a_submission_can_be_called_back(site: Site, fake: FakeDepository):
    publication = curated(site)
    site.go(publication)
    ask_to_stop(site, publication)
    assert site.perform(publication, Step.RELEASE, attempt=1) == "stop"
    assert site.perform(publication, Step.RESOLVE, attempt=2) == "stop"
    assert (site.row(publication).state, fake.deposits()) == (State.CANCELLED, [])


def test_a_submission_that_was_accepted_before_it_could_be_called_back_is_published(site: Site, fake: FakeDepository):
    publication = curated(site)
    site.go(publication)
    ask_to_stop(site, publication)
    fake.curate(draft_of(site, publication), accept=True)
    assert site.perform(publication, Step.RESOLVE, attempt=2) == "wait"
    assert site.go(publication) == "go"
    assert site.row(publication).state == State.PUBLISHED
    assert [deposit.state for deposit in fake.deposits()] == [DepositState.PUBLISHED]


def test_what_is_released_without_a_community_cannot_be_called_back(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.RELEASE)
    fake.fail("publish", Temporary("504"))
    site.perform(publication, Step.RELEASE)
    with pytest.raises(Conflict, match="cannot be called back"):
        ask_to_stop(site, publication)
