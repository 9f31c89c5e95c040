"""The durable engine as edges see it: a client that queues work in the caller's transaction and runs none."""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import Engine
from sqlalchemy.orm import Session

QUEUE = "publications"
WORKFLOW = "publish"
DELIVERY_QUEUE = "deliveries"
DELIVERY_WORKFLOW, DELIVERIES_WORKFLOW = "deliver", "deliver-together"
# Set by hand: the engine would otherwise derive it from the code, and hide every waiting workflow from a newer version.
APPLICATION, APPLICATION_VERSION = "tagstone", "tagstone"


def workflow_id(publication_id: str, attempt: int) -> str:
    """The durable workflow of one attempt: asking twice finds the same one."""
    return f"{publication_id}-{attempt}"


def delivery_id(number: int, turn: int) -> str:
    """The durable workflow of one turn of a delivery."""
    return f"delivery-{number}-{turn}"


class DurableQueue:
    """The queue in the same database as our rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def prepare(self) -> None:
        """Make or upgrade the durable engine's own tables."""
        DBOS.migrate(self._engine.url.render_as_string(hide_password=False))

    def open(self, poll: float) -> None:
        """Let workers that start from now on look into the queues every so many seconds."""
        for name in (QUEUE, DELIVERY_QUEUE):
            self._dbos.register_queue(name, polling_interval_sec=poll, application_name=APPLICATION)

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Queue one attempt inside `session`'s transaction."""
        options: EnqueueOptions = {
            "queue_name": QUEUE,
            "workflow_name": WORKFLOW,
            "workflow_id": workflow_id(publication_id, attempt),
            "app_version": APPLICATION_VERSION,
        }
        self._dbos.enqueue_in_transaction(cast(Session, session), options, publication_id, kind, attempt)

    def deliver(self, session: object, number: int, turn: int) -> None:
        """Queue what a delivery asks for inside `session`'s transaction."""
        self._deliver(session, DELIVERY_WORKFLOW, delivery_id(number, turn), number, turn)

    def deliver_together(self, session: object, numbers: Sequence[int]) -> None:
        """Queue what new deliveries ask for inside `session`'s transaction: one piece of work, which queues each."""
        first, last = min(numbers), max(numbers)
        if first == last:
            self.deliver(session, first, 1)
        else:
            self._deliver(session, DELIVERIES_WORKFLOW, f"deliveries-{first}-{last}", sorted(numbers))

    def _deliver(self, session: object, workflow: str, work: str, *about: object) -> None:
        options: EnqueueOptions = {
            "queue_name": DELIVERY_QUEUE,
            "workflow_name": workflow,
            "workflow_id": work,
            "app_version": APPLICATION_VERSION,
        }
        self._dbos.enqueue_in_transaction(cast(Session, session), options, *about)

    @cached_property
    def _dbos(self) -> DBOSClient:
        # What it does by itself is writing: workers that start at once wait for each other.
        writing = self._engine.execution_options(writes=True)
        return DBOSClient(
            system_database_engine=writing, application_name=APPLICATION, lazy=True, retry_connection_errors=False
        )
