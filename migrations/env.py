"""Alembic's entry: runs in the caller's engine, for our tables only (the durable engine keeps its own)."""

from alembic import context

from tagstone.store.tables import Table


def _ours(name: str | None, type_: str, _parents: object) -> bool:
    return type_ != "table" or name in Table.metadata.tables


engine = context.config.attributes["engine"]
with engine.execution_options(writes=True).connect() as connection:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET lock_timeout = '5s'")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        include_name=_ours,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
