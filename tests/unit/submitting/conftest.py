"""A database of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.queue import FakeQueue
from tagstone.store.session import Sessions, build_engine
from tagstone.store.tables import Table


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    """Sessions on an empty SQLite database."""
    engine = build_engine(f"sqlite:///{tmp_path / 'test.sqlite'}", 5.0)
    Table.metadata.create_all(engine)
    yield Sessions(engine)
    engine.dispose()


@pytest.fixture
def queue() -> FakeQueue:
    """A queue that remembers."""
    return FakeQueue()
