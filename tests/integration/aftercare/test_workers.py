"""Letters through real workers and a real mail server: a server that is away holds nothing up, and nobody is told twice."""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from fakes.small_project import make_repository, put_base
from fakes.trial import TrialApplication, settings
from servers.smtp import MailServer, mail_server
from tagstone.actions.submit import submit
from tagstone.domain.publications.publication import Kind, State
from tagstone.settings import MailSettings
from tagstone.store import publications
from tagstone.store.tables import Letter
from tagstone.worker import run_worker

Publish = Callable[..., str]


def application(folder: Path, port: int) -> TrialApplication:
    mail = MailSettings(host="localhost", port=port, starttls=False, sender="tagstone@site.example")
    return TrialApplication(settings(folder / "home", None).model_copy(update={"mail": mail}))


def _work(folder: Path, port: int) -> None:
    run_worker(application(folder, port), drain=True)


def start(folder: Path, port: int) -> ForkProcess:
    process = multiprocessing.get_context("fork").Process(target=_work, args=(folder, port))
    process.start()
    return process


def work(folder: Path, port: int) -> None:
    """Let one worker work until nothing is left."""
    process = start(folder, port)
    process.join(60)
    assert process.exitcode == 0


@pytest.fixture
def publication(tmp_path: Path) -> str:
    """A tag that was asked for."""
    app = application(tmp_path, 1)
    put_base(app.registry)
    make_repository(tmp_path / "wobble")
    location = str(tmp_path / "wobble")
    with app.sessions.write() as session:
        project, commit = app.forge.identify(location), app.forge.resolve(location, "v1.0.0")
        asked = submit(session, app.queue, app.clock.now(), project, commit, Kind.PUBLICATION)
    app.engine.dispose()
    return asked.publication


def state(folder: Path, publication: str) -> tuple[str, list[str | None]]:
    """How the publication stands, and how its letters ended."""
    app = application(folder, 1)
    with app.sessions.read() as session:
        found = publications.get(session, publication).state, [letter.outcome for letter in session.query(Letter)]
    app.engine.dispose()
    return found


def subjects(server: MailServer) -> list[str]:
    return [str(letter["Subject"]) for letter in server.letters]


def test_a_worker_tells_who_set_the_tag_before_it_ends_and_no_other_tells_again(tmp_path: Path, publication: str) -> None:
    with mail_server() as server:
        work(tmp_path, server.port)
        work(tmp_path, server.port)
    assert state(tmp_path, publication) == (State.PUBLISHED, ["sent"])
    assert subjects(server) == ["wobble v1.0.0: is published"]


def test_a_mail_server_that_is_away_holds_nothing_up_and_the_next_worker_tells(tmp_path: Path, publication: str) -> None:
    with mail_server() as server:
        gone = server.port
    work(tmp_path, gone)
    assert state(tmp_path, publication) == (State.PUBLISHED, [None])
    time.sleep(2 * application(tmp_path, 1).durations.retry_longest)  # no letter waits longer for its next try
    with mail_server() as server:
        work(tmp_path, server.port)
    assert state(tmp_path, publication) == (State.PUBLISHED, ["sent"])
    assert len(server.letters) == 1


def test_workers_that_work_at_once_tell_once(tmp_path: Path, publication: str) -> None:
    with mail_server() as server:
        workers = [start(tmp_path, server.port) for _ in range(3)]
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(server.letters) == 1
    assert state(tmp_path, publication) == (State.PUBLISHED, ["sent"])
