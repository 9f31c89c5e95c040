"""Projects for programs: those that have records, and those that the caller may see."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from tagstone.api.publications import Limit, Offset
from tagstone.api.registrations import registration_shown
from tagstone.api.schemas import ProjectAnswer, ProjectList
from tagstone.domain.people.viewer import Right, Viewer
from tagstone.edges.entrance import Caller, Entrance
from tagstone.edges.ids import Number
from tagstone.errors import NotFound, Temporary
from tagstone.store import projects, registrations
from tagstone.store.tables import Project


class Projects:
    """The handlers, with what they read from."""

    def __init__(self, entrance: Entrance) -> None:
        self._sessions, self._access = entrance.sessions, entrance.access

    def router(self) -> APIRouter:
        """The addresses of projects."""
        router = APIRouter(prefix="/projects", tags=["projects"])
        router.add_api_route("", self.listing, methods=["GET"], summary="List projects")
        router.add_api_route("/{number}", self.project, methods=["GET"], summary="A project")
        return router

    def listing(self, viewer: Caller, limit: Limit = 25, offset: Offset = 0) -> ProjectList:
        """Projects by name, of so many those that the caller may know of: pages may have fewer than were asked for."""
        with self._sessions.read() as session:
            rows = projects.listing(session, limit, offset)
            known = [row for row in rows if self._known(session, viewer, row)]
            return ProjectList(projects=[_shown(session, row) for row in known])

    def project(self, viewer: Caller, number: Number) -> ProjectAnswer:
        """A project by its number here."""
        with self._sessions.read() as session:
            row = projects.find_number(session, number)
            if row is None or not self._known(session, viewer, row):
                raise NotFound(f"There is no project {number}.", remedy="The list of projects has those that you may see.")
            return _shown(session, row)

    def _known(self, session: Session, viewer: Viewer, row: Project) -> bool:
        """Whether the caller may know that it is there. A forge that is away is asked again by those who come again."""
        if projects.has_records(session, row.id):
            return True
        try:
            return self._access.allows(session, viewer, Right.SEE, row.id)
        except Temporary:
            return False


def _shown(session: Session, row: Project) -> ProjectAnswer:
    found = registrations.of_project(session, row.id)
    registration = registration_shown(found) if found is not None else None
    return ProjectAnswer(id=row.id, key=row.key, name=row.name, url=row.url, registration=registration)
