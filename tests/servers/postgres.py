"""A PostgreSQL of one's own that writes as in production, while a context is open."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "with-postgres"


@contextmanager
def running_postgres() -> Iterator[str]:
    """Its address, as SQLAlchemy writes it; what is committed there is on a disk."""
    command = [str(_SCRIPT), "--durable", "sh", "-c", 'echo "$TAGSTONE_TEST_POSTGRES"; exec cat']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, "PostgreSQL did not start"
        yield address
        process.stdin.close()
