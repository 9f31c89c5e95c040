"""Locks that die with their process, so that only the work of dead workers is taken over.

Two live processes with one executor id would run a step twice at once; a dead one's workflows stay pending until somebody
recovers them. Holding a lock named by the executor id tells the two apart: flock on one machine, an advisory lock where
PostgreSQL is shared.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError


class FileLocks:
    """Locks as flocked files in a folder of this machine."""

    certain = True
    """Whether the process of a lock that is free is dead."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def hold(self, executor: str) -> None:
        """Take the lock and keep it until it is given back or this process ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder / f"{executor}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._held[executor] = handle

    def keep(self, executor: str) -> bool:
        """Say whether the lock is still held, which files are as long as their process lives."""
        return executor in self._held

    def release(self, executor: str) -> None:
        """Give the lock back."""
        os.close(self._held.pop(executor))

    def is_free(self, executor: str) -> bool:
        """Say whether no live process holds the lock; a lock that was never made is free."""
        if executor in self._held:
            return False
        try:
            handle = os.open(self._folder / f"{executor}.lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    def forget(self, executor: str) -> None:
        """Remove the file of a lock that is free."""
        (self._folder / f"{executor}.lock").unlink(missing_ok=True)

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """While the block lasts, nobody else has this work; False where somebody has it already."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._folder / f"{work}.alone", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _taken(handle)
        finally:
            os.close(handle)

    def anybody(self) -> bool:
        """Say whether any live process holds a lock here."""
        return any(not self.is_free(path.stem) for path in self._folder.glob("*.lock"))


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class DatabaseLocks:
    """Locks as PostgreSQL advisory locks, each on a connection of its own. A server that starts again loses them all."""

    certain = False
    """Whether the process of a lock that is free is dead: it may also be about to take it again."""

    _SPACE = 0x7461_6773
    _WORK = 0x7461_6774

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: dict[str, Connection] = {}

    def hold(self, executor: str) -> None:
        """Take the lock, which nobody has, and keep it until it is given back or this process ends."""
        if not self._take(executor):
            raise AssertionError(f"somebody holds the lock of {executor}")

    def keep(self, executor: str) -> bool:
        """Take the lock again if it was lost with its connection; say whether it is held."""
        held = self._held.pop(executor, None)
        if held is not None:
            try:
                held.execute(text("SELECT 1"))
                held.commit()
            except DBAPIError:
                _drop(held)
            else:
                self._held[executor] = held
                return True
        try:
            return self._take(executor)
        except DBAPIError:
            return False

    def _take(self, executor: str) -> bool:
        connection = self._engine.connect()
        try:
            # Never waiting: a server that has not heard yet of a connection's end still holds what it held.
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:space, :key)"), self._key(executor)).scalar_one()
            connection.commit()
        except DBAPIError:
            _drop(connection)
            raise
        if taken:
            self._held[executor] = connection
        else:
            connection.close()
        return bool(taken)

    def release(self, executor: str) -> None:
        """Give the lock back, if it is held."""
        held = self._held.pop(executor, None)
        if held is not None:
            _drop(held)

    def is_free(self, executor: str) -> bool:
        """Say whether no live process holds the lock."""
        if executor in self._held:
            return False
        with self._engine.connect() as connection:
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:space, :key)"), self._key(executor)).scalar_one()
            if taken:
                connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), self._key(executor))
            connection.commit()
        return bool(taken)

    def forget(self, executor: str) -> None:
        """Nothing stays of an advisory lock that is free."""

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """While the block lasts, nobody else has this work; False where somebody has it already."""
        key = self._key(work) | {"space": self._WORK}
        with self._engine.connect() as connection:
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:space, :key)"), key).scalar_one()
            connection.commit()
            try:
                yield bool(taken)
            finally:
                if taken:
                    connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), key)
                    connection.commit()

    def anybody(self) -> bool:
        """Say whether any live process holds a lock in this database."""
        query = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :space AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with self._engine.connect() as connection:
            return bool(connection.execute(query, {"space": self._SPACE}).scalar_one())

    def _key(self, executor: str) -> dict[str, int]:
        digest = hashlib.sha256(executor.encode()).digest()
        return {"space": self._SPACE, "key": int.from_bytes(digest[:4], "big", signed=True)}


def _drop(connection: Connection) -> None:
    """Close a connection for good: what it locked is not to go on in the pool."""
    connection.invalidate()
    connection.close()


def build_locks(engine: Engine, home: Path) -> FileLocks | DatabaseLocks:
    """The locks that fit the database: a file beside SQLite, the database itself otherwise."""
    return FileLocks(home / "locks") if engine.dialect.name == "sqlite" else DatabaseLocks(engine)
