"""Many publications that begin at once, in a real worker."""

import threading
import time
from pathlib import Path

from sqlalchemy import text

from fakes.trial import TrialApplication, settings
from tagstone.domain.publications.publication import Kind
from tagstone.worker import run_worker

MANY, FEW = 100, 8
PATIENCE = 60.0


def test_they_share_a_few_threads_for_what_the_engine_of_workflows_writes_of_them(tmp_path: Path) -> None:
    application = TrialApplication(settings(tmp_path / "home", None))
    with application.sessions.write() as session:
        for number in range(MANY):  # nobody knows them, so that each ends in its first step
            application.queue.enqueue(session, f"p{number:016x}", Kind.PUBLICATION, 1)
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(application,), kwargs={"drain": False, "stop": stop})
    worker.start()
    most, deadline = 0, time.monotonic() + PATIENCE
    while ended(application) < MANY and time.monotonic() < deadline:
        most = max(most, sum(thread.name.startswith("dbos-executor") for thread in threading.enumerate()))
        time.sleep(0.02)
    stop.set()
    worker.join()
    assert ended(application) == MANY
    assert 0 < most <= FEW
    application.engine.dispose()


def ended(application: TrialApplication) -> int:
    with application.sessions.read() as session:
        query = "SELECT count(*) FROM workflow_status WHERE status NOT IN ('ENQUEUED', 'PENDING')"
        return int(session.execute(text(query)).scalar_one())
