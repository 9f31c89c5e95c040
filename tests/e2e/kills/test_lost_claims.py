"""What a worker was given by an answer that never reached it is done all the same."""

import threading
import time
from collections.abc import Callable

from sqlalchemy import text

from fakes.trial import Trial
from tagstone.actions.submit import submit
from tagstone.adapters.workqueue import workflow_id
from tagstone.domain.publications.publication import Kind, State
from tagstone.store import publications
from tagstone.worker import run_worker


def test_work_that_was_given_by_a_lost_answer_is_taken_up(new_trial: Callable[[], Trial]) -> None:
    trial, stop = new_trial(), threading.Event()
    application, locks = trial.application, trial.folder / "home/locks"
    location = str(trial.folder / "wobble")
    project, commit = application.forge.identify(location), application.forge.resolve(location, "v1.0.0")
    worker = threading.Thread(target=run_worker, args=(application,), kwargs={"drain": False, "stop": stop})
    worker.start()
    try:
        soon(lambda: any(locks.glob("*.lock")))
        executor = next(locks.glob("*.lock")).stem
        with application.sessions.write() as session:
            asked = submit(session, application.queue, 1.0, project, commit, Kind.PUBLICATION)
            claim = "UPDATE workflow_status SET status = 'PENDING', executor_id = :executor WHERE workflow_uuid = :work"
            session.execute(text(claim), {"executor": executor, "work": workflow_id(asked.publication, 1)})
        soon(lambda: state(trial, asked.publication) == State.PUBLISHED)
    finally:
        stop.set()
        worker.join()
        application.engine.dispose()


def state(trial: Trial, publication: str) -> str:
    application = trial.application
    with application.sessions.read() as session:
        found = publications.standing(session, publication).state
    application.engine.dispose()
    return found


def soon(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
