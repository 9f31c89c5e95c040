"""The journal: intent before effect, answers as they come, and files by the thousand."""

import time
from dataclasses import replace

import pytest

from fakes import facts as recorded
from fakes.clock import FakeClock
from fakes.depository import FakeDepository
from fakes.installation import Installation
from tagstone.actions.deposit import carry_over
from tagstone.actions.journal import Journal
from tagstone.domain.deposits.deposit import DepositFile
from tagstone.domain.publications.archived import Archived
from tagstone.errors import Temporary
from tagstone.store import asked
from tagstone.store.tables import Asked

MANY = 10_000


def rows(installation: Installation, journal: Journal) -> list[Asked]:
    with installation.sessions.read() as session:
        return asked.of(session, journal.publication)


def files(count: int) -> list[Archived]:
    return [Archived(f"outputs/{number}.txt", 1, f"{number:064x}", f"{number:032x}") for number in range(count)]


def arrived(file: Archived) -> DepositFile:
    return DepositFile(file.path, file.size, f"md5:{file.md5}")


def test_what_is_asked_has_no_answer_until_it_comes(journal: Journal, clock: FakeClock):
    assert journal.find(asked.DRAFT) is None
    journal.ask(asked.DRAFT, "1001")
    entry = journal.find(asked.DRAFT)
    assert entry is not None
    assert (entry.about, entry.answer, entry.asked_at) == ("1001", None, clock.now())
    journal.answer(asked.DRAFT, "1003")
    entry = journal.find(asked.DRAFT)
    assert entry is not None
    assert entry.answer == "1003"


def test_asked_anew_the_earlier_answer_counts_no_more(journal: Journal):
    journal.ask(asked.DRAFT)
    journal.answer(asked.DRAFT, "1003")
    journal.ask(asked.DRAFT)
    entry = journal.find(asked.DRAFT)
    assert entry is not None
    assert entry.answer is None


def test_every_file_is_journalled_with_both_checksums(installation: Installation, journal: Journal):
    sent = files(3)
    journal.ask_files(sent)
    assert [(row.name, row.about, row.answer) for row in rows(installation, journal)] == [
        (file.path, f"sha256:{file.sha256}", None) for file in sent
    ]
    with journal.arrivals() as arrive:
        for file in sent:
            arrive(arrived(file))
    assert [row.answer for row in rows(installation, journal)] == [f"md5:{file.md5}" for file in sent]


def test_files_that_arrived_are_written_down_though_the_sending_broke_off(installation: Installation, journal: Journal):
    sent = files(3)
    journal.ask_files(sent)
    with pytest.raises(ZeroDivisionError), journal.arrivals() as arrive:
        arrive(arrived(sent[0]))
        raise ZeroDivisionError
    assert [row.answer is None for row in rows(installation, journal)] == [False, True, True]


def test_arrivals_are_written_down_while_they_come(installation: Installation, journal: Journal, clock: FakeClock):
    sent = files(2)
    journal.ask_files(sent)
    with journal.arrivals() as arrive:
        clock.advance(2)
        arrive(arrived(sent[0]))
        assert rows(installation, journal)[0].answer is not None


def test_files_sent_again_are_asked_anew(installation: Installation, journal: Journal):
    sent = files(2)
    journal.ask_files(sent)
    with journal.arrivals() as arrive:
        arrive(arrived(sent[0]))
    journal.ask_files(sent[:1])
    assert sorted((row.name, row.answer) for row in rows(installation, journal)) == [(file.path, None) for file in sent]


def test_ten_thousand_files_cost_the_journal_a_few_seconds_at_most(installation: Installation, journal: Journal):
    sent, begin = files(MANY), time.monotonic()
    journal.ask_files(sent)
    with journal.arrivals() as arrive:
        for file in sent:
            arrive(arrived(file))
    journal.ask_files(sent)
    assert time.monotonic() - begin < 10
    assert len(rows(installation, journal)) == MANY


def test_forgetting_is_by_kind_or_all(installation: Installation, journal: Journal):
    journal.ask(asked.DRAFT)
    journal.ask(asked.PUBLISH)
    journal.forget(asked.PUBLISH)
    assert [row.call for row in rows(installation, journal)] == [asked.DRAFT]
    journal.forget()
    assert rows(installation, journal) == []


def test_files_are_carried_over_once_and_for_later_versions_only(journal: Journal, depository: FakeDepository, draft: str):
    first = depository.find(draft)
    carry_over(depository, journal, first)
    assert depository.calls("carry_over") == 0
    depository.publish(draft)
    second = depository.draft(replace(recorded.metadata(), publication="p2"), first.series)
    depository.lose("carry_over")
    with pytest.raises(Temporary):
        carry_over(depository, journal, second)
    carry_over(depository, journal, second)
    carry_over(depository, journal, second)
    assert depository.calls("carry_over") == 2
    assert depository.list(second.id) == depository.list(draft)
