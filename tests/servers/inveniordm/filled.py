"""A filled instance, kept in the user's cache: tables, vocabularies and people are made once and copied for each server."""

import hashlib
import pickle
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from servers.inveniordm.environment import CACHE, alone, programs
from servers.inveniordm.processes import finish
from servers.inveniordm.search.index import Node
from servers.inveniordm.services import DATABASE, HERE, new_database, running_services

_KEPT = CACHE / "filled"


def fill(folder: Path) -> tuple[Path, Node]:
    """Lay a filled instance into a folder; returns where the programs are, and what the search stand-in holds."""
    found = programs()
    with alone("filled"):
        stamp = _KEPT / "made-of"
        wanted = _digest(found)
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            _make(found)
            stamp.write_text(wanted, encoding="utf-8")
        # The database belongs to another user.
        subprocess.run(["cp", "--archive", _KEPT / DATABASE, _KEPT / "people.json", folder], check=True)
        node: Node = pickle.loads((_KEPT / "node").read_bytes())
    (folder / "data").mkdir()
    return found, node


def settle(folder: Path) -> None:
    """Tell the database of a copy where its files lie."""
    with psycopg.connect(host=str(folder / DATABASE), user="rdm", dbname="postgres") as connection:
        connection.execute("UPDATE files_location SET uri = %s", [str(folder / "data")])


def _make(found: Path) -> None:
    shutil.rmtree(_KEPT, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="tagstone-inveniordm-"))
    folder.chmod(0o755)  # PostgreSQL's user goes through it
    try:
        node = Node()
        new_database(folder)
        with running_services(folder, node, "http://127.0.0.1") as environment:
            finish([found / "python", "-P", HERE / "instance.py", folder], folder / "instance.log", environment=environment)
        _KEPT.mkdir()
        (_KEPT / "node").write_bytes(pickle.dumps(node))
        subprocess.run(["cp", "--archive", folder / DATABASE, folder / "people.json", _KEPT], check=True)
    finally:
        shutil.rmtree(folder)


def _digest(found: Path) -> str:
    """Of all that a filled instance is made by."""
    sources = [found.parent / "made-of", *sorted(HERE.glob("*.*")), *sorted((HERE / "search").glob("*.py"))]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
