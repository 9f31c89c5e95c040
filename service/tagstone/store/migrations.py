"""Bringing the database to this version's tables, by Alembic; looking whether it is there needs no Alembic."""

from pathlib import Path

from sqlalchemy import Engine, inspect, text


def migrations_folder() -> Path:
    """The folder of migrations: inside an installed package, else the top-level one of the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent.parent / "migrations"


def head() -> str:
    """The revision that this version of Tagstone needs: migrations are one line, numbered by their file names."""
    return max(path.name.partition("_")[0] for path in (migrations_folder() / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str | None:
    """The revision that the database has; None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(engine: Engine) -> None:
    """Bring the database to `head`; nothing happens when it is there."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["engine"] = engine
    command.upgrade(config, "head")
