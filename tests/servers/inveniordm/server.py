"""A real InvenioRDM for tests: PostgreSQL, Redis and the web application on loopback, its data in a temporary folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg

TESTS = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Person:
    """Somebody with an account there; `token` may do all that the person may."""

    id: str
    address: str
    token: str


@dataclass(frozen=True)
class InvenioRDM:
    """A server that runs. `community` is the identifier of the one community, `slug` its name; the curator reviews for it."""

    url: str
    owner: Person
    other: Person
    curator: Person
    community: str
    slug: str
    _folder: Path
    _supervisor: subprocess.Popen[str]

    def stop_web(self) -> None:
        """Kill the web server, whatever it is doing."""
        self._tell("stop")

    def start_web(self) -> None:
        """Start the web server again, with all that it had."""
        self._tell("start")

    def revoke(self, person: Person) -> None:
        """Let somebody's tokens be worth nothing."""
        self._sql("UPDATE oauth2server_token SET expires = now() - interval '1 day' WHERE user_id = %s", person)

    def restore(self, person: Person) -> None:
        """Let somebody's tokens be worth something again."""
        self._sql("UPDATE oauth2server_token SET expires = NULL WHERE user_id = %s", person)

    def told_to_datacite(self) -> list[dict[str, str]]:
        """The calls that changed something at DataCite, each with `method`, `doi`, `event` and `url`."""
        journal = self._folder / "datacite.jsonl"
        lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
        return [json.loads(line) for line in lines]

    def forget_files(self) -> None:
        """Remove the contents of all files that were sent."""
        for file in (self._folder / "data").rglob("data"):
            file.unlink()

    def log(self) -> str:
        """What the web server logged last."""
        return (self._folder / "web.log").read_text(encoding="utf-8", errors="replace")[-5000:]

    def refused_searches(self) -> str:
        """What the stand-in for search did not know; tests that get there ask too much of it."""
        journal = self._folder / "refused-searches"
        return journal.read_text(encoding="utf-8") if journal.exists() else ""

    def _sql(self, statement: LiteralString, person: Person) -> None:
        with psycopg.connect(host=str(self._folder / "postgres"), user="rdm", dbname="postgres") as connection:
            connection.execute(statement, [int(person.id)])

    def _tell(self, word: str) -> None:
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.write(f"{word}\n")
        self._supervisor.stdin.flush()
        _heard(self._supervisor)


@contextmanager
def running_inveniordm() -> Iterator[InvenioRDM]:
    """Bring a server up, from nothing where need be; it ends with the context, or with this process."""
    # A session of its own: Ctrl-C is for the tests, which then close the context.
    with subprocess.Popen(
        [sys.executable, "-m", "servers.inveniordm.supervisor"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        start_new_session=True,
    ) as supervisor:
        facts = _heard(supervisor)
        people = {name: Person(**person) for name, person in facts["people"].items()}
        yield InvenioRDM(
            facts["url"],
            **people,
            community=facts["community"],
            slug=facts["slug"],
            _folder=Path(facts["folder"]),
            _supervisor=supervisor,
        )


def _heard(supervisor: subprocess.Popen[str]) -> dict[str, Any]:
    assert supervisor.stdout is not None
    line = supervisor.stdout.readline()
    assert line, "InvenioRDM did not come up: what is above says why"
    heard: dict[str, Any] = json.loads(line)
    return heard
