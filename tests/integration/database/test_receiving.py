"""Deliveries on PostgreSQL and SQLite through every fault: what was answered 202 is there once, with its work; all else was answered so."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from rigs.load import Answer, send
from rigs.receiving import HOOK, Site, delivery, running_receiver
from servers.postgres_line import Line, breakable


@pytest.fixture
def line(database: str) -> Iterator[Line]:
    """A line to PostgreSQL that can break."""
    with breakable(database) as line:
        yield line


def deliveries(number: int) -> list[bytes]:
    return [delivery(f"k{one}", f"v1.{one}.0") for one in range(number)]


def statuses(answers: list[Answer]) -> Counter[int | None]:
    return Counter(answer.status for answer in answers)


def assert_nothing_is_lost(site: Site, answers: list[Answer]) -> None:
    """Each that was answered 202 is written, and everything that is written has its work queued once."""
    written = site.written()
    assert {f"k{answer.number}" for answer in answers if answer.status == 202} <= written.keys()
    assert site.queued() == sorted(written.values())


def while_they_come(happens: Callable[[], None], site: Site, port: int, questions: list[bytes]) -> list[Answer]:
    """Send, and let something happen when the first are written."""

    def wait_and_act() -> None:
        while len(site.written()) < 50:
            time.sleep(0.02)
        happens()

    actor = threading.Thread(target=wait_and_act)
    actor.start()
    answers = send(port, questions, 16)
    actor.join()
    return answers


def killed_under_load(site: Site, home: Path, processes: int) -> None:
    """Kill a receiver when the first are written, look at what it answered, and let another take its place."""
    with running_receiver(site, home, processes) as receiver:
        first = while_they_come(receiver.kill, site, receiver.port, deliveries(600))
    assert 0 < statuses(first)[202] < 600
    assert_nothing_is_lost(site, first)
    with running_receiver(site, home, processes) as receiver:
        again = send(receiver.port, deliveries(600), 16)
    assert statuses(again) == {202: 600}
    assert_nothing_is_lost(site, again)
    assert len(site.written()) == 600


@pytest.mark.attack("outages")
def test_on_sqlite_a_receiver_that_is_killed_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    killed_under_load(Site.prepare(f"sqlite:///{tmp_path / 'tagstone.sqlite'}"), tmp_path / "home", 1)


@pytest.mark.attack("outages")
@pytest.mark.postgres
def test_on_postgresql_a_receiver_that_is_killed_loses_nothing_that_it_answered(database: str, tmp_path: Path) -> None:
    killed_under_load(Site.prepare(database), tmp_path / "home", 2)


@pytest.mark.attack("deliveries")
@pytest.mark.postgres
def test_the_same_delivery_to_two_receivers_at_once_is_written_once(database: str, tmp_path: Path) -> None:
    site, answers = Site.prepare(database), list[Answer]()
    questions = [question for question in deliveries(200) for _ in range(2)]
    with running_receiver(site, tmp_path / "one") as one, running_receiver(site, tmp_path / "two") as two:
        # One sends them from the first to the last and the other the other way round: they meet, and write in different orders.
        senders = [
            threading.Thread(target=lambda port=port, order=order: answers.extend(send(port, questions[::order], 32)))
            for port, order in ((one.port, 1), (two.port, -1))
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert statuses(answers) == {202: 800}
    assert len(site.written()) == 200
    assert site.queued() == sorted(site.written().values())


@pytest.mark.attack("outages")
@pytest.mark.postgres
def test_while_the_database_is_down_the_forge_is_told_so_and_nothing_is_lost(database: str, line: Line, tmp_path: Path) -> None:
    site = Site.prepare(line.url)
    beside = Site(database, site.key)
    with running_receiver(site, tmp_path / "home") as receiver:
        answers = while_they_come(line.down, beside, receiver.port, deliveries(600))
        assert set(statuses(answers)) == {202, 503}
        assert statuses(send(receiver.port, deliveries(20), 4)) == {503: 20}
        line.up()
        assert_nothing_is_lost(site, answers)
        again = send(receiver.port, deliveries(600), 16)
    assert statuses(again) == {202: 600}
    assert_nothing_is_lost(site, again)


@pytest.mark.attack("lost answers")
@pytest.mark.postgres
def test_where_the_answer_of_a_commit_is_lost_the_delivery_is_found_when_it_comes_again(line: Line, tmp_path: Path) -> None:
    site = Site.prepare(line.url)
    with running_receiver(site, tmp_path / "home") as receiver:
        assert statuses(send(receiver.port, deliveries(1), 1)) == {202: 1}
        line.lose_commits = 1
        assert statuses(send(receiver.port, deliveries(2)[1:], 1)) == {503: 1}
        assert set(site.written()) == {"k0", "k1"}
        assert statuses(send(receiver.port, deliveries(2)[1:], 1)) == {202: 1}
    assert len(site.written()) == len(site.queued()) == 2


@pytest.mark.attack("outages")
@pytest.mark.postgres
def test_nothing_of_the_database_is_told_outside(line: Line, tmp_path: Path) -> None:
    site = Site.prepare(line.url)
    with running_receiver(site, tmp_path / "home") as receiver:
        line.down()
        head, _, body = delivery("k0").partition(b"\r\n\r\n")
        said = dict(one.split(": ", 1) for one in head.decode().split("\r\n")[1:])
        answer = requests.post(f"http://127.0.0.1:{receiver.port}/hooks/{HOOK}", data=body, headers=said, timeout=30)
        line.up()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert not any(word in answer.text for word in ("postgres", "psycopg", "socket", "SELECT", "sqlalche"))


@pytest.mark.attack("deliveries")
def test_on_sqlite_two_receivers_wait_for_each_other(tmp_path: Path) -> None:
    site = Site.prepare(f"sqlite:///{tmp_path / 'tagstone.sqlite'}")
    with running_receiver(site, tmp_path / "one") as one, running_receiver(site, tmp_path / "two") as two:
        answers: list[Answer] = []
        halves = deliveries(200)[:100], deliveries(200)[100:]
        senders = [
            threading.Thread(target=lambda port=port, half=half: answers.extend(send(port, half, 100)))
            for port, half in zip((one.port, two.port), halves, strict=True)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert "locked" not in one.complaints.read_text() + two.complaints.read_text()
    assert statuses(answers) == {202: 200}
    assert len(site.written()) == len(site.queued()) == 200
