"""The names of publications, for completion: read by Python's own SQLite, since SQLAlchemy takes longer to load than a key to press."""

import sqlite3
from contextlib import closing
from pathlib import Path

_NEWEST = 200
_SECONDS = 0.1


def names(database: Path) -> list[tuple[str, str, str]]:
    """Id, ref and state of the newest 200 publications in a SQLite file; none where it cannot be read at once."""
    if not database.is_file():
        return []
    query = "SELECT id, ref, state FROM publications ORDER BY created_at DESC LIMIT ?"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_SECONDS)) as connection:
            return [(str(name), str(ref), str(state)) for name, ref, state in connection.execute(query, (_NEWEST,))]
    except sqlite3.Error:
        return []
