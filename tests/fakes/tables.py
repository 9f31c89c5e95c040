"""A SQLite file with this version's tables and its queue, made once per process: all migrations take longer than most tests."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from tagstone.adapters.workqueue import DurableQueue
from tagstone.store.migrations import upgrade
from tagstone.store.session import build_engine, database_url


def put_tables(home: Path) -> None:
    """Put the file where the service looks for it, unless there is one."""
    place = home / "tagstone.sqlite"
    if not place.exists():
        place.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    folder = Path(tempfile.mkdtemp())
    engine = build_engine(database_url(None, folder), 30.0)
    upgrade(engine)
    DurableQueue(engine).prepare()
    engine.dispose()
    found = (folder / "tagstone.sqlite").read_bytes()
    shutil.rmtree(folder)
    return found
