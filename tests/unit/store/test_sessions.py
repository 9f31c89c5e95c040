"""What a database in trouble is to those who use it: locked is a failed try, away is waited out."""

from pathlib import Path

import pytest
from sqlalchemy import text

from tagstone.errors import Away, Temporary
from tagstone.store.session import Sessions, build_engine

NOBODY = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


def test_a_database_that_is_away_is_waited_for_by_who_reads() -> None:
    with pytest.raises(Away, match="cannot be used"), Sessions(build_engine(NOBODY, 1.0)).read() as session:
        session.execute(text("SELECT 1"))


def test_and_by_who_writes() -> None:
    with pytest.raises(Away, match="cannot be used"), Sessions(build_engine(NOBODY, 1.0)).write() as session:
        session.execute(text("SELECT 1"))


def test_a_database_that_is_locked_is_a_failed_try(tmp_path: Path) -> None:
    engine, other = (build_engine(f"sqlite:///{tmp_path}/rows", 0.1) for _ in range(2))
    with Sessions(engine).write() as session:
        session.execute(text("CREATE TABLE rows (id INTEGER)"))
        with pytest.raises(Temporary) as found, Sessions(other).write() as second:
            second.execute(text("SELECT 1"))
    assert not isinstance(found.value, Away)
    for one in (engine, other):
        one.dispose()
