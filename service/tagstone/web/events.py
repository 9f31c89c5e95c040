"""A publication's page as it changes, by server-sent events: the parts of the page that are not as they were.

They are written by the same templates as the page itself.
"""

import asyncio
import hashlib
from functools import partial

from fastapi import APIRouter, Header, Response

from tagstone.domain.people.viewer import Viewer
from tagstone.domain.publications.publication import State
from tagstone.edges.entrance import Visitor
from tagstone.edges.following import Following, Limits, Pause, Sight
from tagstone.edges.ids import PublicationId
from tagstone.store import steps
from tagstone.web import publication_page
from tagstone.web.sources import Sources

PARTS = ("status", "steps", "logs")


class Events:
    """The handler, with what it reads from and how many it serves now."""

    def __init__(self, sources: Sources, limits: Limits | None = None, pause: Pause = asyncio.sleep) -> None:
        self._sources = sources
        self._following = Following(limits or Limits(), pause)

    def router(self) -> APIRouter:
        """The one address."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/publications/{publication}/events", self.events, methods=["GET"], response_model=None)
        return router

    async def events(self, viewer: Visitor, publication: PublicationId, last_event_id: str = Header(default="")) -> Response:
        """What changes, until the publication ends. Raises: NotFound; Temporary when too many are watching."""
        return await self._following.answer(partial(self._look, viewer, publication), last_event_id)

    def _look(self, viewer: Viewer, publication: str) -> Sight:
        now = self._sources.clock.now()
        with self._sources.sessions.read() as session:
            row = self._sources.standing(session, viewer, publication)
            journal, kept = steps.of(session, row.id), self._sources.logs(session, viewer, row)
        facts: list[object] = [row.state, row.step, row.waiting, row.attempt, row.updated_at]
        facts += [(step.step, step.state, step.tries, step.finished_at) for step in journal]
        facts += [(log.source, log.last, log.ended) for log in kept]
        mark = hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()[:16]
        # Times that run are shown anew every ten seconds only.
        page = publication_page.gather(row, journal, kept, self._sources.storage, now - now % 10)
        parts = {name: self._sources.rendering.part(f"live_{name}.html", {"page": page}) for name in PARTS}
        return Sight(mark, parts, not State(row.state).active)
