"""Server, workers and command line on one SQLite file, under load, each killed: nothing is lost, nothing is locked out."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from fakes.trial import Trial
from tagstone.domain.publications.publication import Kind, State
from tagstone.store import publications

TAGS = 8


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(trial: Trial, *arguments: str, port: int) -> subprocess.Popen[bytes]:
    """A command of the real command line on the trial's home, its output with the workers'."""
    environment = {
        "PATH": os.environ["PATH"],
        "TAGSTONE_HOME": str(trial.folder / "home"),
        "TAGSTONE_SERVING__PORT": str(port),
    }
    with (trial.folder / "home" / "worker.log").open("ab") as sink:
        return subprocess.Popen([sys.executable, "-m", "tagstone", *arguments], env=environment, stdout=sink, stderr=sink)


def wait_for_pages(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("the pages never came up")


def tag_more(repository: Path) -> list[str]:
    tags = [f"v2.{number}" for number in range(TAGS)]
    for tag in tags:
        subprocess.run(["git", "-C", str(repository), "tag", tag], check=True)
    return tags


@pytest.mark.kills
def test_all_processes_together_survive_kills_under_load(
    new_trial: Callable[[], Trial], record_property: Callable[[str, object], None]
) -> None:
    trial, port, kills, looks = new_trial(), free_port(), 0, 0
    tags = tag_more(trial.folder / "wobble")
    pages = command(trial, "serve", "--only", "pages", port=port)
    wait_for_pages(port)
    asked = [trial.submit(tag) for tag in tags]
    rounds = 0
    while unfinished(trial, asked) and rounds < 30:
        rounds += 1
        workers = [trial.start(), trial.start()]
        looking = command(trial, "list", "--json", port=port)
        for _ in range(4 + 2 * rounds):  # ever longer lives, so that the test ends on slow machines too
            looks += requests.get(f"http://127.0.0.1:{port}/publications", timeout=30).ok
            time.sleep(0.3)
        looking.kill()
        looking.wait()
        for worker in workers:
            if worker.pid is not None and worker.is_alive():
                os.kill(worker.pid, signal.SIGKILL)
                kills += 1
            worker.join()
        if rounds % 3 == 0:
            pages.kill()
            pages.wait()
            kills += 1
            pages = command(trial, "serve", "--only", "pages", port=port)
            wait_for_pages(port)
    pages.kill()
    pages.wait()
    assert unfinished(trial, asked) == [], trial.log()[-3000:]
    assert looks > 0
    assert "database is locked" not in trial.log()
    record_property("kills", kills)


def unfinished(trial: Trial, asked: list[str]) -> list[str]:
    application = trial.application
    with application.sessions.read() as session:
        rows = {row.id: row for row in publications.listing(session, kind=Kind.PUBLICATION)}
    application.engine.dispose()
    failed = {row.id: row.error for row in rows.values() if row.state == State.FAILED}
    assert failed == {}
    return [publication for publication in asked if rows[publication].state != State.PUBLISHED]
