"""The audit log is only ever added to: the database itself refuses the rest."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from tagstone.domain.people.deed import Actor, Deed, Origin
from tagstone.errors import Conflict
from tagstone.store import audit
from tagstone.store.audit import Wanted
from tagstone.store.migrations import upgrade
from tagstone.store.session import Sessions, build_engine

ADA = Actor("ada", Origin.PAGE, 7)


@pytest.fixture
def sessions(tmp_path):
    engine = build_engine(f"sqlite:///{tmp_path / 'x.sqlite'}", 5.0)
    upgrade(engine)
    kept = Sessions(engine)
    with kept.write() as session:
        audit.write(session, 1.0, ADA, Deed.APPROVED, "p1", "attempt 2")
        audit.write(session, 2.0, Actor("root", Origin.COMMAND), Deed.ROLE_GRANTED, "ada (7)", "curator")
    yield kept
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE id = 1",
        "UPDATE audit SET detail = '' WHERE id IN (SELECT id FROM audit)",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT id, at, deed, 'nobody', person, origin, subject, detail FROM audit",
        "UPDATE OR REPLACE audit SET id = 2 WHERE id = 1",
    ],
)
def test_no_statement_changes_what_was_written(sessions, statement):
    before = told(sessions)
    with pytest.raises(DatabaseError, match="only ever added to"), sessions.write() as session:
        session.execute(text(statement))
    assert told(sessions) == before
    assert len(before) == 2


def test_it_tells_of_nothing_that_did_not_happen(sessions):
    before = told(sessions)
    with pytest.raises(Conflict), sessions.write() as session:
        audit.write(session, 3.0, ADA, Deed.CANCELLED, "p1")
        raise Conflict("It was at work.", remedy="Wait.")
    assert told(sessions) == before


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [2, 1]),
        (Wanted(deed=Deed.APPROVED), [1]),
        (Wanted(actor="root"), [2]),
        (Wanted(subject="p1"), [1]),
        (Wanted(since=2.0), [2]),
        (Wanted(until=2.0), [1]),
        (Wanted(after=1), [2]),
        (Wanted(deed=Deed.APPROVED, actor="root"), []),
    ],
)
def test_it_is_searched_by_each_of_its_parts(sessions, wanted, found):
    with sessions.read() as session:
        assert [row.id for row in audit.newest(session, wanted, 10)] == found


def test_what_is_too_long_is_cut_rather_than_refused(sessions):
    with sessions.write() as session:
        audit.write(session, 3.0, ADA, Deed.HAND_IN_REFUSED, "x" * 10_000, "y" * 10_000)
    assert max(len(part) for part in told(sessions)[0][-2:]) <= 2000


def told(sessions):
    with sessions.read() as session:
        rows = audit.newest(session, Wanted(), 10)
    return [(row.id, row.at, row.deed, row.actor, row.person, row.origin, row.subject, row.detail) for row in rows]


@pytest.mark.parametrize("deed", Deed)
def test_every_word_of_the_log_is_written_somewhere(deed: Deed) -> None:
    sources = Path(__file__).resolve().parents[3] / "service"
    texts = [path.read_text(encoding="utf-8") for path in (sources / "tagstone").rglob("*.py")]
    assert any(f"Deed.{deed.name}," in text for text in texts)
