"""One draft at a time in a series: found again, taken over, given back; and confirmed at the depository before it grows."""

import io
from typing import Any

import pytest

from fakes.actors import ADA
from fakes.depository import FakeDepository
from fakes.small_project import MANIFEST, commit
from tagstone.actions.reserve import give_up, reserve
from tagstone.actions.submit import cancel, retry
from tagstone.domain.deposits.deposit import DepositMetadata, DepositState
from tagstone.domain.publications.publication import State, Step
from tagstone.errors import Conflict, Forbidden, NotFound, Temporary
from tagstone.store import asked, publications

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported


def tag(site: Site, name: str, text: str = "print('wobble')\n", deposit: str = "") -> str:
    """Commit and tag a version, and submit it."""
    (site.repository / "analysis.py").write_text(text)
    (site.repository / "tagstone.yml").write_text(MANIFEST + (f"deposit: {deposit}\n" if deposit else ""))
    commit(site.repository, name)
    return str(site.submit(name))


def records(fake: FakeDepository) -> list[str]:
    return [deposit.id for deposit in fake.deposits() if deposit.state is DepositState.PUBLISHED]


def drafts(fake: FakeDepository) -> list[str]:
    return [deposit.id for deposit in fake.deposits() if deposit.state is not DepositState.PUBLISHED]


def journal(site: Site, publication: str) -> dict[str, str | None]:
    with site.application.sessions.read() as session:
        return {row.call: row.answer for row in asked.of(session, publication) if row.call != asked.FILE}


def give_up_on(site: Site, publication: str, step: Step) -> None:
    """Let a step fail for the last time."""
    last = site.application.durations.attempts - 1
    assert site.perform(publication, step, failures=last) == "stop"
    assert site.row(publication).state == State.FAILED


def by_hand(fake: FakeDepository, series: str | None, *, publish: bool) -> str:
    """A version that somebody makes at the depository itself."""
    metadata = DepositMetadata("", "by hand", "1", "2026-01-01", (), ())
    made = fake.reserve(fake.draft(metadata, series).id) if series is None else fake.find(fake.draft_by_hand(series))
    if publish:
        if series is None:
            fake.upload(made.id, "x", io.BytesIO(b"x"), 1)
        fake.publish(made.id)
    return made.series


def test_every_call_is_journalled_with_its_answer(site: Site, fake: FakeDepository):
    publication = site.submit()
    assert site.go(publication) == "go"
    deposit = site.facts(publication).deposit
    told = journal(site, publication)
    assert (told[asked.DRAFT], told[asked.DOI], told[asked.PUBLISHED]) == (deposit.id, deposit.doi, deposit.doi)
    with site.application.sessions.read() as session:
        files = [row for row in asked.of(session, publication) if row.call == asked.FILE]
    assert {row.name for row in files} == {file.name for file in fake.list(deposit.id)}
    assert {row.answer for row in files} == {file.checksum for file in fake.list(deposit.id)}
    assert all(row.about.startswith("sha256:") for row in files)


def test_a_draft_whose_answer_was_lost_is_found_again(site: Site, fake: FakeDepository):
    fake.lose("draft")
    publication = site.submit()
    assert site.persist(publication) == "go"
    assert len(fake.deposits()) == 1
    assert fake.calls("draft") == 2


def test_a_lost_draft_of_what_failed_is_discarded_when_the_next_tag_comes(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first, until=Step.RESERVE)
    fake.lose("draft")
    give_up_on(site, first, Step.RESERVE)
    assert site.row(first).doi is None
    second = tag(site, "v1.1.0")
    assert site.persist(second) == "go"
    assert (len(records(fake)), drafts(fake)) == (1, [])
    assert journal(site, first) == {}


def test_a_lost_draft_is_given_back_when_the_publication_is_cancelled(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.RESERVE)
    fake.lose("draft")
    assert site.perform(publication, Step.RESERVE) == "retry"
    with site.application.sessions.write() as session:
        cancel(session, site.queue, 3.0, publication, ADA)
    assert site.perform(publication, Step.RESERVE) == "stop"
    assert (site.row(publication).state, fake.deposits()) == (State.CANCELLED, [])


def test_a_lost_draft_of_a_tag_that_moved_is_handed_on(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first, until=Step.RESERVE)
    fake.lose("draft")
    assert site.perform(first, Step.RESERVE) == "retry"
    (site.repository / "analysis.py").write_text("print('mended')\n")
    commit(site.repository, "v1.0.0")
    second = site.submit(supersede=True)
    assert site.perform(first, Step.RESERVE) == "stop"
    assert site.persist(second) == "go"
    assert len(fake.deposits()) == 1
    assert fake.metadata(site.facts(second).deposit.id).publication == second


def test_a_draft_handed_on_to_an_attempt_that_failed_before_it_took_it_is_discarded(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first, until=Step.RUN)
    (site.repository / "analysis.py").write_text("print('mended')\n")
    commit(site.repository, "v1.0.0")
    second = site.submit(supersede=True)
    site.go(second, until=Step.RESERVE)
    fake.fail("find", Forbidden("The token was revoked.", remedy="Give another."))
    assert site.perform(second, Step.RESERVE) == "stop"
    third = tag(site, "v1.1.0")
    assert site.persist(third) == "go"
    assert (len(records(fake)), drafts(fake)) == (1, [])


def test_a_version_published_by_hand_meanwhile_comes_before_ours(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first)
    series = site.facts(first).deposit.series
    by_hand(fake, series, publish=True)
    second = tag(site, "v1.1.0")
    assert site.go(second) == "go"
    assert site.facts(second).deposit.version_index == 3
    assert fake.latest(series) == fake.find(site.facts(second).deposit.id)


def test_a_draft_left_over_by_hand_is_taken_over_and_emptied(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first)
    by_hand(fake, site.facts(first).deposit.series, publish=False)
    second = tag(site, "v1.1.0")
    assert site.go(second) == "go"
    deposit = site.facts(second).deposit
    assert "by-hand.txt" not in {file.name for file in fake.list(deposit.id)}
    assert len(records(fake)) == 2
    assert fake.metadata(deposit.id).publication == second


def test_what_was_published_by_hand_before_it_was_whole_is_told(site: Site, fake: FakeDepository):
    publication = site.submit()
    site.go(publication, until=Step.RESERVE)
    fake.lose("reserve")
    assert site.perform(publication, Step.RESERVE) == "retry"
    (draft,) = drafts(fake)
    fake.upload(draft, "x", io.BytesIO(b"x"), 1)
    fake.publish(draft)
    assert site.persist(publication) == "stop"
    assert "does not hold what was sent" in site.row(publication).error
    assert (records(fake), drafts(fake)) == ([draft], [])


def test_a_series_that_began_elsewhere_is_continued(site: Site, fake: FakeDepository):
    series = by_hand(fake, None, publish=True)
    publication = tag(site, "v2.0.0", deposit=f"{{continues: 10.5072/fake.{series}}}")
    assert site.go(publication) == "go"
    deposit = site.facts(publication).deposit
    assert (deposit.series, deposit.version_index) == (series, 2)
    following = tag(site, "v2.1.0", deposit=f"{{continues: 10.5072/fake.{series}}}")
    assert site.go(following) == "go"
    assert site.facts(following).deposit.version_index == 3


def test_a_series_that_the_account_may_not_continue_is_refused(site: Site, fake: FakeDepository):
    publication = tag(site, "v2.0.0", deposit="{continues: 10.5072/fake.77}")
    assert site.go(publication) == "stop"
    row = site.row(publication)
    assert "has no record of the series 10.5072/fake.77" in row.error
    assert "curator" in row.remedy
    assert fake.deposits() == []


def test_a_project_with_a_series_of_its_own_continues_no_other(site: Site, fake: FakeDepository):
    site.go(site.submit())
    series = by_hand(fake, None, publish=True)
    publication = tag(site, "v2.0.0", deposit=f"{{continues: 10.5072/fake.{series}}}")
    assert site.go(publication) == "stop"
    assert "continues 10.5072/fake.1001 already" in site.row(publication).error


def test_after_all_was_withdrawn_a_new_series_begins(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first)
    fake.withdraw(site.facts(first).deposit.id, "a password was in it")
    with site.application.sessions.write() as session:
        publications.get(session, first).state = State.WITHDRAWN
    second = tag(site, "v1.1.0")
    assert site.go(second) == "go"
    assert site.facts(second).deposit.series != site.facts(first).deposit.series


def test_a_series_that_vanished_from_the_account_is_not_begun_anew(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first)
    fake.withdraw(site.facts(first).deposit.id, "behind our back")
    second = tag(site, "v1.1.0")
    assert site.go(second) == "stop"
    assert "has no record of the series" in site.row(second).error


def test_a_later_version_sends_only_what_changed(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first)
    once = fake.calls("upload")
    second = tag(site, "v1.1.0", "print('better')\n")
    assert site.go(second) == "go"
    sent = fake.calls("upload") - once
    kept = {file.name for file in fake.list(site.facts(first).deposit.id)} & {
        file.name for file in fake.list(site.facts(second).deposit.id) if file in fake.list(site.facts(first).deposit.id)
    }
    assert kept
    assert sent == len(fake.list(site.facts(second).deposit.id)) - len(kept)


def test_tags_that_wait_for_a_series_get_it_in_the_order_in_which_they_asked(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first, until=Step.RUN)
    second, third = tag(site, "v1.1.0", "print(1)\n"), tag(site, "v1.2.0", "print(2)\n")
    for number, publication in enumerate((second, third)):
        with site.application.sessions.write() as session:
            publications.get(session, publication).created_at = 10.0 + number
        assert site.go(publication) == "wait"
    assert site.go(first) == "go"
    assert site.go(third) == "wait"
    assert site.row(third).waiting == "waits for v1.1.0"
    assert site.go(second) == "go"
    assert site.go(third) == "go"
    assert [site.facts(one).deposit.version_index for one in (first, second, third)] == [1, 2, 3]


def test_a_reserved_doi_is_the_tags(site: Site, fake: FakeDepository):
    location = str(site.repository)
    reserved = reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")
    again = reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")
    assert again == reserved
    publication = tag(site, "v2.0.0")
    assert site.go(publication) == "go"
    assert site.row(publication).doi == reserved.deposit.doi
    assert len(fake.deposits()) == 1
    assert fake.metadata(reserved.deposit.id).publication == publication
    with pytest.raises(NotFound):
        give_up(site.drafts, site.application.forge, location, "v2.0.0")
    with pytest.raises(Conflict, match="published already"):
        reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")


def test_other_tags_wait_for_the_one_whose_doi_is_reserved(site: Site, fake: FakeDepository):
    location = str(site.repository)
    reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")
    other = site.submit()
    assert site.go(other) == "wait"
    assert site.row(other).waiting.startswith("waits for v2.0.0, whose DOI is reserved")
    publication = tag(site, "v2.0.0")
    assert site.go(publication) == "go"
    assert site.go(other) == "go"


def test_a_reservation_that_is_given_up_frees_the_series(site: Site, fake: FakeDepository):
    location = str(site.repository)
    reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")
    other = site.submit()
    assert site.go(other) == "wait"
    give_up(site.drafts, site.application.forge, location, "v2.0.0")
    assert fake.deposits() == []
    assert site.go(other) == "go"


def test_nothing_is_reserved_while_a_version_is_drafted(site: Site, fake: FakeDepository):
    site.go(site.submit(), until=Step.RUN)
    with pytest.raises(Conflict, match=r"v1\.0\.0 is being published"):
        reserve(site.drafts, site.application.forge, site.application.policy, str(site.repository), "v2.0.0")


def test_a_reservation_comes_after_what_failed(site: Site, fake: FakeDepository):
    first = site.submit()
    site.go(first, until=Step.RUN)
    with site.application.sessions.write() as session:
        publications.get(session, first).state = State.FAILED
    reserve(site.drafts, site.application.forge, site.application.policy, str(site.repository), "v2.0.0")
    assert len(fake.deposits()) == 1
    with site.application.sessions.write() as session:
        retry(session, site.queue, 5.0, first, ADA)
    assert site.go(first) == "wait"


@pytest.mark.parametrize("call", ["latest", "draft", "reserve"])
def test_a_reservation_whose_answer_was_lost_is_made_once(site: Site, fake: FakeDepository, call: str):
    site.go(site.submit())
    location = str(site.repository)
    fake.lose(call)
    with pytest.raises(Temporary):
        reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")
    reserved = reserve(site.drafts, site.application.forge, site.application.policy, location, "v2.0.0")
    assert drafts(fake) == [reserved.deposit.id]


@pytest.mark.parametrize("call", ["latest", "draft", "reserve"])
def test_the_tag_takes_over_a_reservation_that_was_never_finished(site: Site, fake: FakeDepository, call: str):
    site.go(site.submit())
    fake.lose(call)
    with pytest.raises(Temporary):
        reserve(site.drafts, site.application.forge, site.application.policy, str(site.repository), "v2.0.0")
    publication = tag(site, "v2.0.0")
    assert site.go(publication) == "wait"
    site.clock.advance(120)
    assert site.go(publication) == "go"
    assert (len(records(fake)), drafts(fake)) == (2, [])


@pytest.mark.parametrize("call", ["find", "describe", "reserve", "draft", "latest"])
def test_a_reservation_whose_adoption_broke_off_is_adopted_once(site: Site, fake: FakeDepository, call: str):
    reserved = reserve(site.drafts, site.application.forge, site.application.policy, str(site.repository), "v2.0.0")
    publication = tag(site, "v2.0.0")
    site.go(publication, until=Step.RESERVE)
    fake.lose(call)
    assert site.persist(publication) == "go"
    assert site.row(publication).doi == reserved.deposit.doi
    assert len(fake.deposits()) == 1


def test_a_reserved_draft_that_is_gone_is_told_instead_of_replaced(site: Site, fake: FakeDepository):
    reserved = reserve(site.drafts, site.application.forge, site.application.policy, str(site.repository), "v2.0.0")
    fake.discard(reserved.deposit.id)
    publication = tag(site, "v2.0.0")
    assert site.go(publication) == "stop"
    assert "whose DOI was reserved for v2.0.0 is gone" in site.row(publication).error
    assert "--discard" in site.row(publication).remedy
