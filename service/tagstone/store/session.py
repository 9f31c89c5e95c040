"""Engines and sessions: WAL and `BEGIN IMMEDIATE` on SQLite, plain transactions on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tagstone.errors import Away, Temporary


def database_url(url: str | None, home: Path) -> str:
    """The SQLAlchemy URL that is used: `url`, else a SQLite file in `home`."""
    return url or f"sqlite:///{home / 'tagstone.sqlite'}"


def build_engine(url: str, lock_timeout: float) -> Engine:
    """An engine whose writers wait at most `lock_timeout` seconds for each other."""
    if make_url(url).get_backend_name() != "sqlite":
        options = f"-c lock_timeout={int(lock_timeout * 1000)} -c timezone=UTC"
        return create_engine(url, pool_pre_ping=True, connect_args={"options": options})
    engine = create_engine(url, connect_args={"timeout": lock_timeout})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own transaction control would begin lazily and without IMMEDIATE: two writers that both read
        # first could then never be served.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Sessions:
    """Units of work: `write` commits when its block ends well, `read` never writes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = engine.execution_options(writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; what it loads stays usable afterwards. Raises: Away when the database is."""
        try:
            with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
                yield session
        except OperationalError as error:
            if not _is_away(error):
                raise
            raise _away(error) from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end of the block. Raises: Temporary when the database is locked, Away when it is."""
        try:
            with Session(self._writing, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            if _is_away(error):
                raise _away(error) from error
            raise Temporary(f"The database did not take the change: {error.orig}.", delay=2.0) from error


def _is_away(error: OperationalError) -> bool:
    """Whether nobody answered at all: a connection that ended, or none that could be made."""
    return error.connection_invalidated or error.statement is None


def _away(error: OperationalError) -> Away:
    first = str(error.orig).strip().partition("\n")[0]
    return Away(f"The database cannot be used: {first}.", remedy="`tagstone doctor` names the database and examines it.")
