"""On PostgreSQL, too, no statement changes the audit log; its admin alone could take the guard away."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from fakes.actors import ADA
from tagstone.domain.people.deed import Deed
from tagstone.store import audit
from tagstone.store.audit import Wanted
from tagstone.store.session import Sessions

pytestmark = pytest.mark.postgres


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    kept = Sessions(engine)
    with kept.write() as session:
        audit.write(session, 1.0, ADA, Deed.APPROVED, "p1", "attempt 2")
        audit.write(session, 2.0, ADA, Deed.WITHDRAWN, "p1")
    return kept


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody' WHERE id = 1",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "TRUNCATE audit CASCADE",
        "INSERT INTO audit SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET actor = 'nobody'",
        "WITH gone AS (DELETE FROM audit RETURNING id) SELECT count(*) FROM gone",
        "MERGE INTO audit USING audit AS other ON audit.id = other.id WHEN MATCHED THEN UPDATE SET actor = 'nobody'",
    ],
)
def test_no_statement_changes_what_was_written(sessions: Sessions, statement: str) -> None:
    with pytest.raises(DatabaseError, match="only ever added to"), sessions.write() as session:
        session.execute(text(statement))
    with sessions.read() as session:
        assert [(row.id, row.actor, row.deed) for row in audit.newest(session, Wanted(), 9)] == [
            (2, "ada", Deed.WITHDRAWN),
            (1, "ada", Deed.APPROVED),
        ]


def test_entries_are_added_in_the_transaction_that_does_what_they_tell_of(sessions: Sessions) -> None:
    with pytest.raises(RuntimeError), sessions.write() as session:
        audit.write(session, 3.0, ADA, Deed.CANCELLED, "p1")
        session.flush()
        raise RuntimeError
    with sessions.read() as session:
        assert audit.total(session, Wanted()) == 2
