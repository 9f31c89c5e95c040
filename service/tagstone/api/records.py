"""Records for programs: what is found in the catalogue, and what one of them is."""

import math
from typing import Annotated

from fastapi import APIRouter, Query

from tagstone.actions.access import is_released
from tagstone.api.publications import Limit, ProjectNumber
from tagstone.api.schemas import RecordAnswer, RecordList
from tagstone.domain.publications.publication import Kind, State
from tagstone.edges.entrance import Caller, Entrance
from tagstone.edges.ids import PublicationId
from tagstone.errors import Invalid, NotFound
from tagstone.store import publications, search
from tagstone.store.search import Mark, Wanted
from tagstone.store.tables import Publication
from tagstone.store.visible import is_closed

Words = Annotated[str, Query(max_length=200, description="Words that must all be there; the last may be the beginning of one.")]
Year = Annotated[int | None, Query(ge=1, le=9999)]
Licence = Annotated[str | None, Query(max_length=200, description="An SPDX identifier.")]
Older = Annotated[str, Query(max_length=100, description="`older` of the page before.")]


class Records:
    """The handlers, with what they read from. `url` is the address that people see."""

    def __init__(self, entrance: Entrance, url: str) -> None:
        self._sessions, self._clock = entrance.sessions, entrance.clock
        self._url = url

    def router(self) -> APIRouter:
        """The addresses of records."""
        router = APIRouter(prefix="/records", tags=["records"])
        router.add_api_route("", self.listing, methods=["GET"], summary="Find records")
        router.add_api_route("/{publication}", self.record, methods=["GET"], summary="A record")
        return router

    def listing(
        self,
        _: Caller,
        q: Words = "",
        project: ProjectNumber = None,
        year: Year = None,
        licence: Licence = None,
        older: Older = "",
        limit: Limit = 25,
    ) -> RecordList:
        """Records, newest first."""
        with self._sessions.read() as session:
            found = search.find(session, Wanted(q, project, year, licence), limit, _mark(older))
        records = [self._shown(row) for row in found.rows]
        return RecordList(records=records, older=str(found.older) if found.older else None)

    def record(self, _: Caller, publication: PublicationId) -> RecordAnswer:
        """A record; of one that was withdrawn what is left of it."""
        with self._sessions.read() as session:
            row = publications.find(session, publication)
            if row is None or not is_released(row) or row.kind != Kind.PUBLICATION:
                raise NotFound(f"There is no record {publication}.", remedy="The list of records has those that there are.")
            return self._shown(row)

    def _shown(self, row: Publication) -> RecordAnswer:
        closed = is_closed(row, self._clock.now())
        return RecordAnswer(
            id=row.id,
            project=row.project.key,
            tag=row.ref,
            commit=row.commit,
            title=row.title,
            version=row.version,
            authors=row.byline,
            year=row.year,
            licence=row.licence,
            doi=row.doi,
            concept_doi=row.concept_doi,
            image=None if row.state == State.WITHDRAWN else row.image,
            closed_until=row.closed_until,
            withdrawn_at=row.withdrawn_at,
            withdrawn_because=row.withdrawn_because,
            url=f"{self._url}/records/{row.id}",
            bundle=None if closed else f"{self._url}/records/{row.id}/bundle.tar",
        )


def _mark(text: str) -> Mark | None:
    if not text:
        return None
    seconds, _, name = text.partition("~")
    try:
        mark = Mark(float(seconds), name)
    except ValueError:
        mark = None
    if mark is None or not math.isfinite(mark.created_at) or "\0" in name:
        raise Invalid("`older` names no place in the list.", remedy="Take it from the page before.")
    return mark
