"""Deliveries that were queued together are taken each by itself, by a real worker."""

import threading
import time
from pathlib import Path

import pytest

from fakes.trial import TrialApplication, settings
from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.settings import ForgeSettings
from tagstone.store import deliveries
from tagstone.store.deliveries import Letter
from tagstone.store.tables import Delivery, Project, Registration
from tagstone.worker import run_worker

PATIENCE = 60.0


@pytest.fixture
def application(tmp_path: Path) -> TrialApplication:
    """A site with a GitLab where nobody listens: what is delivered here asks nothing of it."""
    forges = {"lab": ForgeSettings(url="http://127.0.0.1:9")}
    return TrialApplication(settings(tmp_path / "home", None).model_copy(update={"forges": forges}))


def delivered(application: TrialApplication, many: int) -> list[int]:
    """Deliveries of deleted tags, written and queued in one transaction as the receiver does; their numbers."""
    with application.sessions.write() as session:
        project = Project(key="gitlab.test/stars/wobble", name="wobble", location="gitlab:lab/17", created_at=1.0)
        session.add(project)
        session.flush()
        row = Registration(forge="lab", remote=17, path="stars/wobble", project_id=project.id, standing=Standing.ACTIVE)
        row.builder, row.asked_by, row.since = ImageBuilder.SERVICE, "ada", 1.0
        session.add(row)
        session.flush()
        told = [Delivered(Happening.TAG_DELETED, 17, f"v{number}") for number in range(many)]
        letters = [Letter("hook", f"k{number}", row.id, one, {}) for number, one in enumerate(told)]
        numbers = list(deliveries.write_new(session, letters, 1.0).values())
        application.queue.deliver_together(session, numbers)
        return numbers


def untaken(application: TrialApplication) -> int:
    with application.sessions.read() as session:
        return session.query(Delivery).filter_by(state=deliveries.RECEIVED).count()


@pytest.mark.parametrize("many", [1, 2, 30])
def test_deliveries_that_were_queued_together_are_all_taken(application: TrialApplication, many: int) -> None:
    delivered(application, many)
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(application,), kwargs={"drain": False, "stop": stop})
    worker.start()
    deadline = time.monotonic() + PATIENCE
    while untaken(application) and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    worker.join()
    assert untaken(application) == 0
    with application.sessions.read() as session:
        assert {row.state for row in session.query(Delivery)} == {deliveries.IGNORED}
