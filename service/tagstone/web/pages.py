"""The pages. Handlers are plain functions (the framework runs them in threads) and only read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from sqlalchemy import text

from tagstone import __version__
from tagstone.domain import record
from tagstone.domain.publication import State
from tagstone.errors import NotFound
from tagstone.ports import Clock, Storage
from tagstone.store import logs, publications, steps
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication
from tagstone.web import bundles, citations, log_text, publication_page, record_page
from tagstone.web.headers import FILE_HEADERS
from tagstone.web.record_page import Place
from tagstone.web.rendering import Rendering

PER_PAGE = 50
_VERSIONS = 200
# What is no publication's id is no address; the database is not asked.
PublicationId = Annotated[str, InPath(pattern="^[pr][0-9a-f]{16}$")]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


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
    """The handlers, with what they read from: rows, logs in storage, bundles below `home`."""

    def __init__(
        self, sessions: Sessions, storage: Storage, clock: Clock, home: Path, place: Place, rendering: Rendering
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._clock = clock
        self._home = home
        self._place = place
        self._rendering = rendering

    def router(self) -> APIRouter:
        """The addresses of all pages."""
        router = APIRouter(include_in_schema=False)
        for address, handler in (
            ("/", self.catalogue),
            ("/records/{publication}", self.record),
            ("/records/{publication}/files/{path:path}", self.file),
            ("/publications", self.publications),
            ("/publications/{publication}", self.publication),
            ("/health", self.health),
        ):
            router.add_api_route(address, handler, methods=["GET", "HEAD"], response_model=None)
        # What is made while it is sent has no HEAD: it would be made for nothing.
        router.add_api_route("/records/{publication}/bundle.tar", self.bundle, methods=["GET"], response_model=None)
        router.add_api_route("/publications/{publication}/logs/{source}", self.log, methods=["GET"], response_model=None)
        return router

    def catalogue(self, page: PageNumber = 1) -> Response:
        """All records, newest first."""
        with self._sessions.read() as session:
            paging = Paging(page, publications.count(session, state=State.PUBLISHED))
            rows = publications.listing(session, state=State.PUBLISHED, facts=False, limit=PER_PAGE, offset=paging.offset)
            texts = publications.citations(session, [row.id for row in rows])
        known = {publication: citations.read(citation) for publication, citation in texts.items()}
        return self._rendering.page("catalogue.html", {"rows": rows, "citations": known, "paging": paging})

    def record(self, publication: PublicationId) -> Response:
        """The page of one record, or of what a rehearsal would publish; until there is one, where it stands."""
        with self._sessions.read() as session:
            row = publications.get(session, publication)
            if not State(row.state).done or row.facts is None:
                return RedirectResponse(f"{self._place.root}/publications/{row.id}", 302)
            versions = publications.listing(
                session, state=State.PUBLISHED, project_id=row.project_id, facts=False, limit=_VERSIONS
            )
        bundle = self._bundle(row)
        shown = record_page.gather(
            row, record.load(row.facts.encode()), versions, bundle if bundle.is_dir() else None, self._place
        )
        return self._rendering.page("record.html", {"page": shown})

    def file(self, publication: PublicationId, path: str) -> Response:
        """One file of a record's bundle."""
        return bundles.answer(self._bundle_of(publication), path)

    def bundle(self, publication: PublicationId) -> Response:
        """The whole bundle as one tar."""
        return bundles.archive(self._bundle_of(publication), publication)

    def publications(self, page: PageNumber = 1, state: State | None = None) -> Response:
        """All publications and rehearsals, newest first."""
        with self._sessions.read() as session:
            paging = Paging(page, publications.count(session, state=state))
            rows = publications.listing(session, state=state, facts=False, limit=PER_PAGE, offset=paging.offset)
        context = {"rows": rows, "paging": paging, "state": state, "states": list(State)}
        return self._rendering.page("publications.html", context)

    def publication(self, publication: PublicationId, *, follow: bool = False) -> Response:
        """Where one publication stands; `follow` looks again by itself while it is under way."""
        with self._sessions.read() as session:
            row = publications.get(session, publication)
            journal, kept = steps.of(session, row.id), logs.of(session, row.id)
        shown = publication_page.gather(row, journal, kept, self._storage, self._clock.now())
        return self._rendering.page("publication.html", {"page": shown, "follow": follow and shown.active})

    def log(self, publication: PublicationId, source: str) -> Response:
        """A whole log, as plain text."""
        with self._sessions.read() as session:
            found = logs.find(session, publication, source)
        if found is None:
            raise NotFound("There is no such log.", remedy="The publication's page shows the logs it has.")
        headers = FILE_HEADERS | {"Content-Disposition": "inline"}
        return StreamingResponse(log_text.whole(self._storage, found), headers=headers, media_type="text/plain; charset=utf-8")

    def health(self) -> Response:
        """Whether the server can read its database."""
        with self._sessions.read() as session:
            session.execute(text("SELECT 1"))
        return JSONResponse({"status": "ok", "version": __version__})

    def _bundle(self, row: Publication) -> Path:
        return self._home / (row.bundle_key or f"bundles/{row.id}")

    def _bundle_of(self, publication: str) -> Path:
        with self._sessions.read() as session:
            row = publications.get(session, publication)
        bundle = self._bundle(row)
        if not State(row.state).done or not bundle.is_dir():
            raise NotFound("There is no bundle of this publication.", remedy="Its page says where it stands.")
        return bundle
