"""Receiving deliveries, beside Debian's `webhook`, which stores nothing; what was answered 202 is there whatever happens then.

Load generator, receiver and database have two cores together, each delivery has a connection of its own, and the database writes to a
disk before a commit is answered.
"""

import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks.measure import seconds
from benchmarks.table import Line
from rigs.load import Answer, send
from rigs.receiving import HOOK, SECRET, RunningReceiver, Site, delivery, running_receiver
from servers.debian_webhook import running_webhook
from servers.postgres import running_postgres
from tagstone.errors import Temporary
from tagstone.store.session import Sessions, build_engine
from tagstone.store.tables import Project

_CORES = 2
_SENT, _AT_ONCE, _TIMES = 2000, 32, 3
_BURST, _PATIENCE = 2000, 10.0
_KILLED, _AFTER = 3000, 300
_ON_SQLITE = 1000

_numbers = count(1)


def measure(_folder: Path) -> list[Line]:
    """At least 0.2 of the peer's deliveries; 2,000 at once within 10 s; nothing lost; on SQLite 100 a second."""
    with _two_cores(), tempfile.TemporaryDirectory(dir="/var/tmp", prefix="tagstone-bench-") as place:
        folder = Path(place)
        with running_postgres() as url:
            site = Site.prepare(url)
            return [*_beside_the_peer(folder, site), _killed(folder, site), *_on_sqlite(folder)]


def _beside_the_peer(folder: Path, site: Site) -> list[Line]:
    ours, peers = [], []
    with running_receiver(site, folder / "ours") as receiver, running_webhook(folder, HOOK, SECRET) as peer:
        for _ in range(_TIMES):
            peers.append(_rate(peer, _SENT, 200))
            ours.append(_rate(receiver.port, _SENT, 202))
        burst = send(receiver.port, _new(_BURST), _BURST)
    answered, longest = _statuses(burst)[202], max(answer.ended - answer.began for answer in burst)
    speed, other = max(ours), max(peers)
    return [
        Line(
            "durable deliveries, PostgreSQL | webhook (Go), stored nowhere", speed, other, "/s", ">= 0.2", speed >= 0.2 * other
        ),
        Line(
            "2,000 deliveries at once: the last answer",
            longest,
            None,
            "s",
            "< 10 s",
            answered == _BURST and longest < _PATIENCE,
        ),
    ]


def _killed(folder: Path, site: Site) -> Line:
    """Deliveries that were answered 202 by a receiver that was killed under load, and are not there, or whose work is not queued."""
    first = next(_numbers)
    questions = [delivery(f"killed-{number}", f"v{first}.{number}.0") for number in range(_KILLED)]
    with running_receiver(site, folder / "killed") as receiver:
        killer = threading.Thread(target=_kill, args=(receiver, site, len(site.written()) + _AFTER))
        killer.start()
        answers = send(receiver.port, questions, _AT_ONCE)
        killer.join()
    received = {f"killed-{answer.number}" for answer in answers if answer.status == 202}
    written, queued = site.written(), set(site.queued())
    lost = [key for key in received if key not in written or written[key] not in queued]
    sensible = 0 < len(received) < _KILLED
    what = f"answered 202 ({len(received)} of {_KILLED}), receiver killed under load: lost"
    return Line(what, len(lost), None, "", "0", sensible and not lost)


def _kill(receiver: RunningReceiver, site: Site, written: int) -> None:
    while len(site.written()) < written:
        time.sleep(0.02)
    receiver.kill()


def _on_sqlite(folder: Path) -> list[Line]:
    """While another process's worth of small changes is written all the time."""
    site = Site.prepare(f"sqlite:///{folder / 'tagstone.sqlite'}")
    with running_receiver(site, folder / "sqlite") as receiver, _writing(site) as refused:
        rate = max(_rate(receiver.port, _ON_SQLITE, 202) for _ in range(_TIMES))
        complaints = _locked(receiver) + len(refused)
    return [
        Line("durable deliveries, SQLite, another writer beside", rate, None, "/s", ">= 100 /s", rate >= 100),
        Line("`database is locked` meanwhile", complaints, None, "", "0", complaints == 0),
    ]


@contextmanager
def _writing(site: Site) -> Iterator[list[str]]:
    """Somebody who writes little, and often, as a worker does; what was refused."""
    refused: list[str] = []
    ended = threading.Event()
    sessions = Sessions(build_engine(site.url, 30.0))

    def write() -> None:
        while not ended.wait(0.02):
            try:
                with sessions.write() as session:
                    number = next(_numbers)
                    session.add(Project(key=f"p{number}", name="p", location="/p", created_at=float(number)))
            except Temporary as error:
                refused.append(error.message)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield refused
    finally:
        ended.set()
        writer.join()
        sessions.engine.dispose()


def _locked(receiver: RunningReceiver) -> int:
    return receiver.complaints.read_text().count("database is locked")


def _rate(port: int, number: int, status: int) -> float:
    """Answers a second; all have to be of this status."""
    questions, answers = _new(number), list[Answer]()
    took = seconds(lambda: answers.extend(send(port, questions, _AT_ONCE)))
    assert _statuses(answers) == {status: number}, _statuses(answers)
    return number / took


def _new(number: int) -> list[bytes]:
    """Deliveries that never came before, signed now."""
    return [delivery(f"{time.time_ns()}-{(one := next(_numbers))}", f"v1.{one}.0") for _ in range(number)]


def _statuses(answers: Sequence[Answer]) -> Counter[int | None]:
    return Counter(answer.status for answer in answers)


@contextmanager
def _two_cores() -> Iterator[None]:
    """Let this process and all that it starts have two cores together."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:_CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)
