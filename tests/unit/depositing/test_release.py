"""Releasing: asked once, then looked at; curators decide in their own time; a person is told when patience has ended."""

import io
from collections.abc import Callable

import pytest

from fakes import facts as recorded
from fakes.clock import FakeClock
from fakes.depository import FakeDepository, OneDepository
from tagstone.actions.journal import Journal
from tagstone.actions.release import Pending, release
from tagstone.domain.deposits.deposit import Deposit, DepositState
from tagstone.errors import Away, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.ports import DepositAccount
from tagstone.store import asked

PATIENCE = 60.0
Ask = Callable[..., Deposit | Pending]


@pytest.fixture
def ask(account: DepositAccount, journal: Journal, draft: str) -> Ask:
    return lambda community=None: release(account, journal, draft, community, PATIENCE)


def state(answer: Deposit | Pending) -> DepositState:
    assert isinstance(answer, Deposit)
    return answer.state


def test_it_is_asked_once_and_journalled(ask: Ask, depository: FakeDepository, journal: Journal):
    first = ask()
    assert isinstance(first, Deposit)
    assert ask() == first
    assert depository.calls("publish") == 1
    published = journal.find(asked.PUBLISHED)
    assert published is not None
    assert published.answer == first.doi


def test_a_lost_answer_is_looked_up(ask: Ask, depository: FakeDepository):
    depository.lose("publish")
    assert state(ask()) is DepositState.PUBLISHED
    assert depository.calls("publish") == 1


def test_without_an_answer_it_is_looked_for_and_never_asked_again(ask: Ask, depository: FakeDepository):
    depository.fail("publish", Temporary("504"))
    for _ in range(3):
        answer = ask()
        assert isinstance(answer, Pending)
        assert not answer.person
    assert depository.calls("publish") == 0


def test_one_that_appears_late_counts(ask: Ask, depository: FakeDepository, draft: str):
    depository.fail("publish", NotFound("404", remedy="Look."))
    assert isinstance(ask(), Pending)
    depository.publish(draft)
    assert state(ask()) is DepositState.PUBLISHED


def test_a_person_is_told_when_patience_has_ended(ask: Ask, depository: FakeDepository, clock: FakeClock, draft: str):
    depository.fail("publish", Temporary("504"))
    ask()
    clock.advance(PATIENCE)
    with pytest.raises(Permanent, match="still not seen after 1 min") as told:
        ask()
    assert f"https://depository.example/{draft}" in told.value.remedy
    assert "tagstone retry" in told.value.remedy


def test_patience_begins_with_the_first_look(ask: Ask, depository: FakeDepository, clock: FakeClock):
    depository.fail("publish", Temporary("503"))
    depository.fail("find", Away("no route"))
    with pytest.raises(Away):
        ask()
    with pytest.raises(TagstoneError):
        depository.fail("find", Away("no route"))
        ask()
    clock.advance(PATIENCE * 100)
    assert isinstance(ask(), Pending)


def test_what_never_arrived_is_asked_again(ask: Ask, depository: FakeDepository, journal: Journal):
    depository.fail("publish", Away("connection refused"))
    with pytest.raises(Away):
        ask()
    assert journal.find(asked.PUBLISH) is None
    assert state(ask()) is DepositState.PUBLISHED


def test_killed_while_it_asked_it_looks_and_asks(ask: Ask, depository: FakeDepository, journal: Journal):
    journal.ask(asked.PUBLISH)
    assert state(ask()) is DepositState.PUBLISHED
    assert depository.calls("publish") == 1


def test_killed_after_it_had_happened_it_only_looks(ask: Ask, depository: FakeDepository, journal: Journal, draft: str):
    journal.ask(asked.PUBLISH)
    depository.publish(draft)
    assert state(ask()) is DepositState.PUBLISHED
    assert depository.calls("publish") == 1


def test_a_refusal_is_told_and_forgotten(ask: Ask, depository: FakeDepository, journal: Journal):
    depository.fail("publish", Invalid("No creators.", remedy="Name one."))
    with pytest.raises(Invalid):
        ask()
    assert journal.find(asked.PUBLISH) is None


class Confused(FakeDepository):
    """Publishes, and says that it must not."""

    def publish(self, deposit_id: str) -> None:
        super().publish(deposit_id)
        raise Forbidden("No.", remedy="Ask.")


def test_a_refusal_of_what_had_happened_is_no_refusal(journal: Journal):
    depository = Confused()
    made = depository.draft(recorded.metadata(), None)
    depository.upload(made.id, "README.md", io.BytesIO(b"x"), 1)
    account = OneDepository(depository).account("fake", "fake", None)
    assert state(release(account, journal, made.id, None, PATIENCE)) is DepositState.PUBLISHED


def test_a_draft_that_is_gone_is_not_found(ask: Ask, depository: FakeDepository, draft: str):
    depository.discard(draft)
    with pytest.raises(NotFound):
        ask()


def test_one_that_was_withdrawn_meanwhile_is_told(ask: Ask, depository: FakeDepository, draft: str):
    depository.publish(draft)
    depository.withdraw(draft, "wrong data")
    with pytest.raises(Permanent, match="withdrawn"):
        ask()


def test_curators_are_asked_once_and_waited_for(ask: Ask, depository: FakeDepository, clock: FakeClock, draft: str):
    for _ in range(3):
        answer = ask("stars")
        assert isinstance(answer, Pending)
        assert answer.person
        assert "curators of stars" in answer.reason
        clock.advance(PATIENCE * 1000)
    assert depository.calls("submit") == 1
    depository.curate(draft, accept=True)
    assert state(ask("stars")) is DepositState.PUBLISHED


def test_curators_whose_answer_was_lost_are_looked_at_first(ask: Ask, depository: FakeDepository):
    depository.lose("submit")
    with pytest.raises(Temporary):
        ask("stars")
    assert isinstance(ask("stars"), Pending)
    assert depository.calls("submit") == 1


def test_what_curators_decline_fails_with_what_to_do(ask: Ask, depository: FakeDepository, draft: str):
    ask("stars")
    depository.curate(draft, accept=False)
    for _ in range(2):
        with pytest.raises(Permanent, match="curators of stars declined") as told:
            ask("stars")
    assert f"https://depository.example/{draft}" in told.value.remedy
    assert depository.calls("submit") == 1


def test_tried_again_by_a_person_it_is_submitted_again(ask: Ask, depository: FakeDepository, journal: Journal, draft: str):
    ask("stars")
    depository.curate(draft, accept=False)
    journal.forget(asked.PUBLISH, asked.PUBLISHED)
    assert isinstance(ask("stars"), Pending)
    assert depository.calls("submit") == 2
