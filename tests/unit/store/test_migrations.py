"""The tables that migrations make are the tables that the code describes."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from tagstone.adapters.workqueue import DurableQueue
from tagstone.store.migrations import current, head, migrations_folder, upgrade
from tagstone.store.session import build_engine
from tagstone.store.tables import Table


def test_the_newest_file_name_is_the_head_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    assert head() == ScriptDirectory.from_config(config).get_current_head()


def test_an_empty_database_is_upgraded_to_exactly_the_described_tables(tmp_path: Path) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'x.sqlite'}", 5.0)
    assert current(engine) is None
    upgrade(engine)
    DurableQueue(engine).prepare()
    assert current(engine) == head()
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in Table.metadata.tables}
        )
        assert compare_metadata(context, Table.metadata) == []
    engine.dispose()


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'x.sqlite'}", 5.0)
    upgrade(engine)
    upgrade(engine)
    assert current(engine) == head()
    engine.dispose()


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)])
def test_sqlite_is_set_up_to_survive_a_kill(tmp_path: Path, pragma: str, value: object) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'x.sqlite'}", 5.0)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()
