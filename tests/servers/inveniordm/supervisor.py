"""Brings InvenioRDM up and ends it; a process of its own, so that nothing is left behind whatever becomes of the tests.

Usage: python -m servers.inveniordm.supervisor. When all is up it says a line of JSON with `folder`, `url`, `community`, `slug` and
`people`. Then it does what it is told by lines on its standard input (`stop`, `start`: the web server) and answers each with `{}`.
When its standard input closes, everything is ended and removed.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from servers.inveniordm.filled import fill, settle
from servers.inveniordm.processes import Failed, free_port, running
from servers.inveniordm.services import running_services

SLUG = "geophysics"


@dataclass(frozen=True)
class Web:
    """The web server, and what it is started with."""

    folder: Path
    programs: Path
    port: int
    environment: Mapping[str, str]

    @contextmanager
    def running(self) -> Iterator[None]:
        """The web server, while the context is open."""
        command: list[str | Path] = [self.programs / "gunicorn", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--workers", "1", "--threads", "8", "--timeout", "600", "invenio_app.wsgi:application"]
        with running(command, self.folder / "web.log", self._answers, environment=self.environment):
            yield

    def _answers(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/api/records?size=1", timeout=60).ok
        return False


def main() -> None:
    """Bring all up, obey, end all."""
    with ExitStack() as everything:
        folder = Path(tempfile.mkdtemp(prefix="tagstone-inveniordm-"))
        everything.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # PostgreSQL's user goes through it
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        try:
            found, node = fill(folder)
            environment = everything.enter_context(running_services(folder, node, url))
            settle(folder)
            obey(Web(folder, found, port, environment), url)
        except Failed as failure:
            sys.exit(str(failure))


def obey(web: Web, url: str) -> None:
    """Start the web server, say so, and do what lines on standard input say until there are no more."""
    with ExitStack() as up:
        up.enter_context(web.running())
        people = json.loads((web.folder / "people.json").read_text(encoding="utf-8"))
        community = make_community(url, people["curator"]["token"])
        say({"folder": str(web.folder), "url": url, "community": community, "slug": SLUG, "people": people})
        for line in sys.stdin:
            up.close()
            if line.strip() == "start":
                up.enter_context(web.running())
            say({})


def say(facts: dict[str, Any]) -> None:
    """Say something to whoever started this process."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def make_community(url: str, token: str) -> str:
    """A community that reviews what is submitted to it; returns its identifier."""
    rules = {"visibility": "public", "member_policy": "open", "record_submission_policy": "open", "review_policy": "closed"}
    answer = requests.post(
        f"{url}/api/communities",
        json={"slug": SLUG, "access": rules, "metadata": {"title": SLUG.title()}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    if not answer.ok:
        raise Failed(answer.text)
    return str(answer.json()["id"])


if __name__ == "__main__":
    main()
