"""The pages of the catalogue and of publications. Handlers are plain functions (the framework runs them in threads) and only read."""

from dataclasses import dataclass
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import text
from sqlalchemy.orm import Session

from tagstone import __version__
from tagstone.actions import approve as approving
from tagstone.actions import diff
from tagstone.actions.access import refuse_withdrawn
from tagstone.domain.people.viewer import Right, Viewer
from tagstone.domain.publications.publication import State
from tagstone.domain.publications.record import Facts
from tagstone.edges import log_bytes
from tagstone.edges.entrance import Visitor
from tagstone.edges.forms import FormToken
from tagstone.edges.ids import PageNumber, PublicationId
from tagstone.errors import NotFound
from tagstone.store import publications, search, steps
from tagstone.store.tables import Publication
from tagstone.web import catalogue, publication_page
from tagstone.web.headers import FILE_HEADERS
from tagstone.web.sources import Sources

PER_PAGE = 25
_SHOWN_FILES = 200


@dataclass(frozen=True)
class Paging:
    """Which page of a list is shown, counted from 1, and how many there are."""

    number: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // PER_PAGE))

    @property
    def offset(self) -> int:
        """How many entries come before this page."""
        return (self.number - 1) * PER_PAGE


class Pages:
    """The handlers, with what they read from."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def router(self) -> APIRouter:
        """The addresses of these pages."""
        router = APIRouter(include_in_schema=False)
        for address, handler in (
            ("/", self.catalogue),
            ("/publications", self.publications),
            ("/publications/{publication}", self.publication),
            ("/publications/{publication}/review", self.review),
            ("/health", self.health),
        ):
            router.add_api_route(address, handler, methods=["GET", "HEAD"], response_model=None)
        # What is made while it is sent has no HEAD: it would be made for nothing.
        router.add_api_route("/publications/{publication}/logs/{source}", self.log, methods=["GET"], response_model=None)
        return router

    def catalogue(self, asked: Annotated[catalogue.Asked, Depends()], older: str = "", newer: str = "") -> Response:
        """Records, newest first: all of them, or those with the words and filters that are asked for."""
        places = catalogue.mark(older), catalogue.mark(newer)
        with self._sources.sessions.read() as session:
            found = search.find(session, asked.wanted(), PER_PAGE, *places)
            choices = {"year": search.years(session), "licence": search.licences(session)}
            projects = search.projects(session)
        context = {"asked": asked, "found": found, "choices": choices, "projects": projects, "contents": catalogue.CONTENTS}
        context |= {"first": places == (None, None), "counted": search.COUNTED}
        return self._sources.rendering.page("catalogue.html", context)

    def publications(self, viewer: Visitor, page: PageNumber = 1, state: State | None = None) -> Response:
        """All publications and rehearsals, newest first."""
        with self._sources.sessions.read() as session:
            visible = self._sources.access.visible(session, viewer)
            paging = Paging(page, publications.count(session, state=state, visible=visible))
            rows = publications.listing(
                session, state=state, visible=visible, facts=False, limit=PER_PAGE, offset=paging.offset
            )
        context = {"rows": rows, "paging": paging, "state": state, "states": list(State)}
        return self._sources.rendering.page("publications.html", context)

    def publication(self, viewer: Visitor, form: FormToken, publication: PublicationId, *, follow: bool = False) -> Response:
        """Where one publication stands; `follow` looks again by itself where no script does."""
        with self._sources.sessions.read() as session:
            row = self._sources.standing(session, viewer, publication)
            journal, kept = steps.of(session, row.id), self._sources.logs(session, viewer, row)
            doing = self._doing(session, viewer, row)
        shown = publication_page.gather(row, journal, kept, self._sources.storage, self._sources.clock.now())
        context = {"page": shown, "follow": follow and shown.active, "doing": doing, "form": form}
        return self._sources.rendering.page("publication.html", context)

    def review(self, viewer: Visitor, form: FormToken, publication: PublicationId) -> Response:
        """Everything that a person looks at before they approve a release."""
        with self._sources.sessions.read() as session:
            row = self._sources.standing(session, viewer, publication)
            closed, approves = self._sources.closed(row), self._may(session, viewer, Right.APPROVE, row)
            session.expunge_all()
            code = _kept_back if closed else diff.stored_code(self._sources.storage)
            found = approving.review(session, publication, code)
        context = {"review": found, "shown": 0 if closed else _SHOWN_FILES, "approves": approves, "form": form}
        return self._sources.rendering.page("review.html", context)

    def log(self, viewer: Visitor, publication: PublicationId, source: str) -> Response:
        """A whole log, as plain text."""
        with self._sources.sessions.read() as session:
            row = self._sources.standing(session, viewer, publication)
            refuse_withdrawn(row)
            found = next((log for log in self._sources.logs(session, viewer, row) if log.source == source), None)
        if found is None:
            raise NotFound("There is no such log.", remedy="The publication's page shows the logs it has.")
        headers = FILE_HEADERS | {"Content-Disposition": "inline"}
        whole = log_bytes.whole(self._sources.storage, found)
        return StreamingResponse(whole, headers=headers, media_type="text/plain; charset=utf-8")

    def _doing(self, session: Session, viewer: Viewer, row: Publication) -> list[tuple[str, str]]:
        """What the viewer may do with a publication as it stands, by address and label."""
        if not self._may(session, viewer, Right.WORK, row):
            return []
        if row.state in (State.FAILED, State.CANCELLED):
            return [("retry", "Try again")]
        return [("cancel", "Cancel")] if State(row.state).active and not row.cancel_requested else []

    def _may(self, session: Session, viewer: Viewer, right: Right, row: Publication) -> bool:
        return viewer.person is not None and self._sources.access.allows(session, viewer, right, row.project_id)

    def health(self) -> Response:
        """Whether the server can read its database."""
        with self._sources.sessions.read() as session:
            session.execute(text("SELECT 1"))
        return JSONResponse({"status": "ok", "version": __version__})


def _kept_back(_facts: Facts) -> BinaryIO:
    raise NotFound("The code is not for everybody yet.", remedy="`tagstone approve` compares it.")
