"""A fresh PostgreSQL database for each test, on the server that `make test-postgres` starts."""

import os
import secrets
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from tagstone.adapters.workqueue import DurableQueue
from tagstone.store.migrations import upgrade
from tagstone.store.session import build_engine


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database. Missing infrastructure fails: KeyError names the variable."""
    server = make_url(os.environ["TAGSTONE_TEST_POSTGRES"])
    name = f"test_{secrets.token_hex(6)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """An engine on a database with this version's tables."""
    engine = build_engine(database, 5.0)
    upgrade(engine)
    DurableQueue(engine).prepare()
    yield engine
    engine.dispose()
