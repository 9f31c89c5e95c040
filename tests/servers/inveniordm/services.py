"""What InvenioRDM stands on: PostgreSQL, Redis, and the stand-ins of search and DataCite, with all their data in one folder."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from servers.inveniordm.doi_service import serving_datacite
from servers.inveniordm.processes import finish, free_port, listens, running
from servers.inveniordm.search.index import Node
from servers.inveniordm.search.service import serving_search

HERE = Path(__file__).resolve().parent
DATABASE = "postgres"  # the folder of its data and its socket
_LOCALE = {"LC_ALL": "C.UTF-8"}


@contextmanager
def running_services(folder: Path, node: Node, url: str) -> Iterator[dict[str, str]]:
    """All of them; yields the environment in which InvenioRDM's programs find them, and `url` as their own address."""
    with ExitStack() as stack:
        places = {
            "url": url,
            "search": stack.enter_context(serving_search(node, folder / "refused-searches")),
            "datacite": stack.enter_context(serving_datacite(folder / "datacite.jsonl")),
            "redis": stack.enter_context(_running_redis(folder)),
            "database": stack.enter_context(_running_postgres(folder)),
        }
        (folder / "places.json").write_text(json.dumps(places), encoding="utf-8")
        shutil.copy(HERE / "invenio.cfg", folder)
        yield os.environ | {"INVENIO_INSTANCE_PATH": str(folder), "PYTHONWARNINGS": "ignore", "NO_PROXY": "127.0.0.1"}


def new_database(folder: Path) -> None:
    """Make an empty database."""
    home = folder / DATABASE
    home.mkdir()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres", "postgres")
    command: list[str | Path] = [_binaries() / "initdb", "--pgdata", home / "data", "--username", "rdm", "--auth", "trust"]
    command += ["--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"]
    finish(command, folder / "postgres.log", environment=os.environ | _LOCALE, user="postgres")


@contextmanager
def _running_redis(folder: Path) -> Iterator[int]:
    """Redis without persistence; yields its port."""
    port = free_port()
    command: list[str | Path] = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running(command, folder / "redis.log", lambda: listens(port), environment=os.environ):
        yield port


@contextmanager
def _running_postgres(folder: Path) -> Iterator[str]:
    """PostgreSQL behind a Unix socket; yields its address for SQLAlchemy."""
    home = folder / DATABASE
    # All of it is thrown away with the folder.
    options = ["listen_addresses=", f"unix_socket_directories={home}", "fsync=off", "full_page_writes=off"]
    command: list[str | Path] = [_binaries() / "postgres", "-D", home / "data"]
    command += [word for option in options for word in ("-c", option)]

    def ready() -> bool:
        probe: list[str | Path] = [_binaries() / "pg_isready", "--quiet", "--host", home]
        return subprocess.run(probe, check=False).returncode == 0

    environment = os.environ | _LOCALE
    # Killed, it would leave shared memory behind.
    with running(command, folder / "postgres.log", ready, environment=environment, user="postgres", ending=signal.SIGINT):
        yield f"postgresql+psycopg2://rdm@/postgres?host={home}"


def _binaries() -> Path:
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
