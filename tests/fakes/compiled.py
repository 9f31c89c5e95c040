"""What is compiled for one SQLite is there for all others: each trial has a database of its own, and compiling took a third of it."""

from typing import Any, ClassVar

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class SharingDialect(SQLiteDialect_pysqlite):
    """SQLite as SQLAlchemy knows it; its engines share their compiled statements."""

    supports_statement_cache = True
    _compiled: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=cls._compiled)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SharingDialect)

    def __hash__(self) -> int:
        return hash(SharingDialect)


def share_compiled_statements() -> None:
    """Let every engine for SQLite that is made in this process from now on share what it compiles."""
    registry.register("sqlite", __name__, "SharingDialect")
