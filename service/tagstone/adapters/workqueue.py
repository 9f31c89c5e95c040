"""The durable engine as edges see it: a client that queues work in the caller's transaction and runs none."""

from typing import cast

from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import Engine
from sqlalchemy.orm import Session

QUEUE = "publications"
WORKFLOW = "publish"
# Set by hand: the engine would otherwise derive it from the code, and hide every waiting workflow from a newer version.
APPLICATION, APPLICATION_VERSION = "tagstone", "tagstone"


def workflow_id(publication_id: str, attempt: int) -> str:
    """The durable workflow of one attempt: asking twice finds the same one."""
    return f"{publication_id}-{attempt}"


class DurableQueue:
    """The queue in the same database as our rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client: DBOSClient | None = None

    def prepare(self) -> None:
        """Make or upgrade the durable engine's own tables."""
        DBOS.migrate(self._engine.url.render_as_string(hide_password=False))

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Queue one attempt inside `session`'s transaction."""
        if self._client is None:
            self._client = DBOSClient(
                system_database_engine=self._engine, application_name=APPLICATION, lazy=True, retry_connection_errors=False
            )
        options: EnqueueOptions = {
            "queue_name": QUEUE,
            "workflow_name": WORKFLOW,
            "workflow_id": workflow_id(publication_id, attempt),
            "app_version": APPLICATION_VERSION,
        }
        self._client.enqueue_in_transaction(cast(Session, session), options, publication_id, kind)
