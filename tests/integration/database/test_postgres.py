"""The same rows, queue and locks on PostgreSQL."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from tagstone.actions.submit import submit
from tagstone.adapters.executor_locks import DatabaseLocks, build_locks
from tagstone.adapters.workqueue import DurableQueue
from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.publications.publication import Kind, State
from tagstone.store import publications
from tagstone.store.migrations import current, head
from tagstone.store.session import Sessions
from tagstone.store.tables import Table

pytestmark = pytest.mark.postgres

PROJECT = ProjectIdentity(key="root:abc", name="wobble", location="/srv/wobble")
COMMIT = Commit(sha="a" * 40, time=1, tree="b" * 40, ref="v1")


def queued(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM dbos.workflow_status")).scalar_one())


def test_migrations_make_exactly_the_described_tables(engine: Engine) -> None:
    assert current(engine) == head()
    with engine.connect() as connection:
        ours = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in Table.metadata.tables}
        )
        assert compare_metadata(ours, Table.metadata) == []


def test_row_and_queued_work_appear_together(engine: Engine) -> None:
    with Sessions(engine).write() as session:
        asked = submit(session, DurableQueue(engine), 1.0, PROJECT, COMMIT, Kind.PUBLICATION)
    assert queued(engine) == 1
    with Sessions(engine).read() as session:
        assert publications.get(session, asked.publication).state == State.QUEUED


def test_a_rolled_back_submission_leaves_neither_row_nor_work(engine: Engine) -> None:
    class Interruption(Exception):
        pass

    with pytest.raises(Interruption), Sessions(engine).write() as session:
        submit(session, DurableQueue(engine), 1.0, PROJECT, COMMIT, Kind.PUBLICATION)
        raise Interruption
    assert queued(engine) == 0
    with Sessions(engine).read() as session:
        assert publications.listing(session) == []


HOLDER = """
import signal, sys
from tagstone.adapters.executor_locks import DatabaseLocks
from tagstone.store.session import build_engine
locks = DatabaseLocks(build_engine(sys.argv[1], 5.0))
locks.hold("worker-1")
print("held", flush=True)
signal.pause()
"""


def test_a_lock_is_free_again_when_its_process_was_killed(engine: Engine, database: str) -> None:
    locks = build_locks(engine, Path("/nonexistent"))
    assert isinstance(locks, DatabaseLocks)
    with subprocess.Popen([sys.executable, "-c", HOLDER, database], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not locks.is_free("worker-1")
        assert locks.is_free("worker-2")
        assert locks.anybody()
        holder.kill()
    deadline = time.monotonic() + 10
    while not locks.is_free("worker-1"):
        assert time.monotonic() < deadline, "the lock outlived its process"


def test_a_lock_that_was_lost_with_its_connection_is_taken_again(engine: Engine) -> None:
    locks, others = DatabaseLocks(engine), DatabaseLocks(engine)
    locks.hold("worker-1")
    assert locks.keep("worker-1")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
    assert others.is_free("worker-1")
    assert locks.keep("worker-1")
    assert not others.is_free("worker-1")
    locks.release("worker-1")
    assert others.is_free("worker-1")


def test_one_worker_at_a_time_has_a_work(engine: Engine) -> None:
    locks, others = DatabaseLocks(engine), DatabaseLocks(engine)
    with locks.alone("telling") as mine, others.alone("telling") as theirs, others.alone("comparing") as another:
        assert (mine, theirs, another) == (True, False, True)
        assert not locks.anybody()
    with others.alone("telling") as theirs:
        assert theirs
