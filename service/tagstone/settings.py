"""Settings, from `TAGSTONE_*` variables; read only by entry points and bootstrap. Secrets have no defaults.

A nested field is written with two underscores: `TAGSTONE_RUNS__PIDS=512` is `runs.pids`. What an installation wants to set
for everybody stands in `etc/tagstone.env` under its prefix (for a virtual environment: that folder); the environment wins.
No file is ever read from the current folder: it may be a stranger's repository.
"""

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _data_folder() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "tagstone"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Database(_Group):
    """Where rows live."""

    url: str | None = Field(
        None, description="SQLAlchemy URL; default: SQLite at HOME/tagstone.sqlite. PostgreSQL: postgresql+psycopg://…"
    )
    lock_timeout: float = Field(30.0, description="Seconds a writer waits for another before it gives up.")


class Builds(_Group):
    """How images are built."""

    builder: Literal["auto", "buildah", "docker", "podman"] = Field(
        "auto", description="Which engine makes root filesystems; auto takes the first that works."
    )
    site_ca: Path | None = Field(
        None, description="A CA bundle (PEM) that builds may use; it never stays in the image or its history."
    )
    time: int = Field(3600, description="Seconds a build may take.")
    network: str | None = Field(
        None, description="Docker's or Podman's network for builds, such as host; default: the engine's own."
    )
    http_proxy: str | None = Field(None, description="Proxy for plain HTTP that builds use; it does not stay in the image.")
    https_proxy: str | None = Field(None, description="Proxy for HTTPS that builds use; it does not stay in the image.")
    no_proxy: str | None = Field(None, description="Hosts that builds reach without a proxy, separated by commas.")
    registry: str | None = Field(
        None, description="Registry that keeps images (host[:port][/prefix]); default: the OCI layout at HOME/images."
    )
    registry_user: str | None = Field(None, description="User of the registry; default: nobody in particular.")
    registry_password: SecretStr | None = Field(None, description="Password or token of that user; given to the registry only.")
    registry_insecure: bool = Field(False, description="Speak plain HTTP to the registry (loopback only).")
    upstream: str | None = Field(
        None, description="Registry that bases are pulled from when they are not in ours (host[:port]); default: none is asked."
    )
    upstream_insecure: bool = Field(False, description="Speak plain HTTP to the upstream registry (loopback only).")


class Runs(_Group):
    """How analyses are run."""

    engine: Literal["auto", "docker", "podman", "chroot"] = Field(
        "auto", description="Which engine runs images; chroot isolates nothing and must be asked for by name."
    )
    socket: str | None = Field(
        None,
        description="Engine socket, such as unix:///run/podman/podman.sock; default: found, or a Podman service of our own.",
    )
    pids: int = Field(1024, description="Processes and threads a run may have at once.")
    log_bytes: int = Field(64 * 2**20, description="Bytes of log kept of one run; what comes after is counted, not kept.")
    output_files: int = Field(10_000, description="Files a run may put out.")
    output_bytes: int = Field(50 * 10**9, description="Bytes all outputs of a run may have together.")


class Waits(_Group):
    """Every duration that is waited, in seconds."""

    poll: float = Field(0.2, description="Between two looks at a build or run at first.")
    poll_longest: float = Field(2.0, description="Between two looks at a long build or run.")
    retry: float = Field(5.0, description="Before trouble that may pass is tried again; doubled each time.")
    retry_longest: float = Field(300.0, description="The longest wait before another try.")
    attempts: int = Field(5, description="Tries before trouble that may pass counts as failure.")
    recovery: float = Field(10.0, description="Between two looks for workers that died.")


class Serving(_Group):
    """How pages are served."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8620, description="Port to listen on.")
    url: str | None = Field(None, description="Address that people see; default: http://HOST:PORT.")


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="TAGSTONE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        env_file=Path(sys.prefix) / "etc" / "tagstone.env",
    )

    home: Path = Field(default_factory=_data_folder, description="Folder of database, images, bundles, caches and deposits.")
    database: Database = Database()
    builds: Builds = Builds()
    runs: Runs = Runs()
    waits: Waits = Waits()
    serving: Serving = Serving()
    worker_threads: int = Field(16, description="Blocking calls that one worker makes at once.")
    log_format: Literal["console", "json"] = Field("console", description="How processes log.")
