"""Settings of the receivers, from `TAGSTONE_*` variables: where rows live and how hooks are known, and nothing else.

They share their names with the service's, so that one environment serves both; but a receiver that faces the internet is best given
these alone.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from tagstone.home import SITE, data_folder
from tagstone.variables import read


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Database(_Group):
    """Where rows live."""

    url: str | None = Field(None, description="SQLAlchemy URL; default: SQLite at HOME/tagstone.sqlite.")
    lock_timeout: float = Field(30.0, description="Seconds a writer waits for another before it gives up.")


class Receiving(_Group):
    """How deliveries are received."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8621, description="Port to listen on.")
    processes: int = Field(1, ge=1, le=64, description="Processes that receive at that port.")


class ReceiverSettings(BaseModel):
    """All settings of one receiving process: what is given here, else what the variables say. `_site` is the site's file, if any."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def __init__(self, _site: Path | None = SITE, **given: Any) -> None:
        super().__init__(**(read(type(self), _site) | given))

    home: Path = Field(default_factory=data_folder, description="Folder of the database where it is SQLite.")
    database: Database = Database()
    receiving: Receiving = Receiving()
    hook_keys: list[SecretStr] = Field(
        [], description="Keys (Fernet) that hooks' tokens are sealed with, the newest first; as a JSON list."
    )
