"""The page of the audit log, for admins alone."""

from fastapi import APIRouter, Response

from tagstone.domain.people.deed import Deed
from tagstone.domain.people.viewer import Role
from tagstone.edges.entrance import Entrance, Visitor
from tagstone.edges.ids import PageNumber
from tagstone.errors import NotFound
from tagstone.store import audit
from tagstone.store.audit import Wanted
from tagstone.web.pages import PER_PAGE, Paging
from tagstone.web.rendering import Rendering


class AuditLog:
    """The handler, with what it reads from."""

    def __init__(self, entrance: Entrance, rendering: Rendering) -> None:
        self._sessions = entrance.sessions
        self._rendering = rendering

    def router(self) -> APIRouter:
        """The address of the log."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/audit", self.log, methods=["GET", "HEAD"], response_model=None)
        return router

    def log(self, viewer: Visitor, page: PageNumber = 1, deed: Deed | None = None) -> Response:
        """Who did what, when and from where, newest first. Raises: NotFound for all who are no admins."""
        if viewer.role is not Role.ADMIN:
            raise NotFound("There is no such page.", remedy="Admins who signed in find more.")
        wanted = Wanted(deed=deed)
        with self._sessions.read() as session:
            paging = Paging(page, audit.total(session, wanted))
            rows = audit.newest(session, wanted, PER_PAGE, paging.offset)
        return self._rendering.page("audit.html", {"rows": rows, "paging": paging, "deed": deed, "deeds": list(Deed)})
