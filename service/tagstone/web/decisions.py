"""What signed-in people do with publications: approve, retry and cancel, by forms of their pages."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from tagstone.actions import approve as approving
from tagstone.actions import submit as submitting
from tagstone.domain.people.deed import Origin, actor
from tagstone.domain.people.viewer import Right
from tagstone.edges.entrance import Entrance
from tagstone.edges.forms import Form, OwnForm
from tagstone.edges.ids import PublicationId
from tagstone.errors import Invalid
from tagstone.ports import WorkQueue
from tagstone.store import publications


class Decisions:
    """The handlers; `root` is the path that this server is reached under."""

    def __init__(self, entrance: Entrance, queue: WorkQueue, root: str) -> None:
        self._entrance = entrance
        self._queue = queue
        self._root = root

    def router(self) -> APIRouter:
        """The addresses of what is decided."""
        router = APIRouter(prefix="/publications/{publication}", include_in_schema=False)
        for name, handler in (("approve", self.approve), ("retry", self.retry), ("cancel", self.cancel)):
            router.add_api_route(f"/{name}", handler, methods=["POST"], response_model=None)
        return router

    def approve(self, form: OwnForm, publication: PublicationId) -> Response:
        """Let a publication be released, as it was looked at. Raises: Invalid, Conflict, Forbidden, NotFound."""
        attempt = form.fields.get("attempt", "")
        if not (attempt.isascii() and attempt.isdecimal() and len(attempt) < 10):
            raise Invalid("The form does not say what was looked at.", remedy="Open the page again, and send its form.")

        def approve(session: Session) -> None:
            now, by = self._entrance.clock.now(), actor(form.viewer, Origin.PAGE)
            approving.approve(session, self._queue, now, publication, int(attempt), by)

        return self._change(form, publication, Right.APPROVE, approve)

    def retry(self, form: OwnForm, publication: PublicationId) -> Response:
        """Try a publication again. Raises: Conflict, Forbidden, NotFound."""

        def retry(session: Session) -> None:
            now, by = self._entrance.clock.now(), actor(form.viewer, Origin.PAGE)
            submitting.retry(session, self._queue, now, publication, by)

        return self._change(form, publication, Right.WORK, retry)

    def cancel(self, form: OwnForm, publication: PublicationId) -> Response:
        """Ask a publication to stop. Raises: Conflict, Forbidden, NotFound."""

        def cancel(session: Session) -> None:
            now, by = self._entrance.clock.now(), actor(form.viewer, Origin.PAGE)
            submitting.cancel(session, self._queue, now, publication, by)

        return self._change(form, publication, Right.WORK, cancel)

    def _change(self, form: Form, publication: str, right: Right, change: Callable[[Session], None]) -> Response:
        # The forge may have to be asked, which no transaction that writes waits for.
        with self._entrance.sessions.read() as session:
            row = publications.standing(session, publication)
            self._entrance.access.require(session, form.viewer, right, row)
        with self._entrance.sessions.write() as session:
            change(session)
        return RedirectResponse(f"{self._root}/publications/{publication}", 303)
