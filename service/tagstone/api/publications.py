"""Publications for programs: where they stand, their logs, and what may be done with them."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from tagstone.actions import approve as approving
from tagstone.actions import submit as submitting
from tagstone.actions.access import refuse_withdrawn
from tagstone.actions.submit import Submitted
from tagstone.actions.take_in import HandedIn, Intake
from tagstone.api.schemas import Approval, HandIn, Problem, PublicationAnswer, PublicationList, Taken
from tagstone.domain.people.deed import Origin, actor
from tagstone.domain.people.viewer import Right, Viewer
from tagstone.domain.publications.publication import State
from tagstone.edges import log_bytes
from tagstone.edges.entrance import Caller, Entrance, Job
from tagstone.edges.following import Following, Limits, Sight
from tagstone.edges.ids import PublicationId
from tagstone.errors import NotFound
from tagstone.ports import Storage, WorkQueue
from tagstone.store import logs, publications
from tagstone.store.tables import Publication

Limit = Annotated[int, Query(ge=1, le=100, description="How many are wanted.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="How many are passed over.")]
ProjectNumber = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Number of a project.")]
Source = Annotated[str, Path(pattern=r"^[a-z]{1,16}(\.[0-9]{1,4})?-[0-9]{1,9}$", description="Name of a log, such as run-1.")]

_Responses = dict[int | str, dict[str, Any]]
_CHANGES: _Responses = {401: {"model": Problem}, 403: {"model": Problem}, 409: {"model": Problem}}
_EVENTS: _Responses = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Server-sent events"}
}
_TEXT: _Responses = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The log, as it was written"}
}


class Publications:
    """The handlers, with what they read from and write to. `url` is the address that people see."""

    def __init__(
        self, entrance: Entrance, queue: WorkQueue, storage: Storage, intake: Intake, url: str, limits: Limits | None = None
    ) -> None:
        self._sessions, self._access, self._clock = entrance.sessions, entrance.access, entrance.clock
        self._queue = queue
        self._storage = storage
        self._intake = intake
        self._url = url
        self._following = Following(limits or Limits(), whole=True)

    def router(self) -> APIRouter:
        """The addresses of publications."""
        router = APIRouter(prefix="/publications", tags=["publications"])
        router.add_api_route("", self.listing, methods=["GET"], summary="List publications")
        router.add_api_route(
            "", self.hand_in, methods=["POST"], status_code=202, summary="Hand in a tag (CI jobs)", responses=_CHANGES
        )
        one = "/{publication}"
        router.add_api_route(one, self.publication, methods=["GET"], summary="Where a publication stands")
        router.add_api_route(
            one + "/events",
            self.events,
            methods=["GET"],
            response_model=None,
            responses=_EVENTS,
            summary="Follow a publication",
        )
        router.add_api_route(
            one + "/logs/{source}", self.log, methods=["GET"], response_model=None, responses=_TEXT, summary="Read a log"
        )
        for name, handler in (("approve", self.approve), ("retry", self.retry), ("cancel", self.cancel)):
            summary = f"{name.capitalize()} a publication"
            router.add_api_route(f"{one}/{name}", handler, methods=["POST"], responses=_CHANGES, summary=summary)
        return router

    def listing(
        self,
        viewer: Caller,
        state: State | None = None,
        project: ProjectNumber = None,
        limit: Limit = 25,
        offset: Offset = 0,
    ) -> PublicationList:
        """Publications that the caller may see, newest first."""
        with self._sessions.read() as session:
            visible = self._access.visible(session, viewer)
            rows = publications.listing(
                session, state=state, project_id=project, visible=visible, facts=False, limit=limit, offset=offset
            )
            total = publications.count(session, state=state, project_id=project, visible=visible)
        return PublicationList(publications=[self._shown(row) for row in rows], total=total)

    def hand_in(self, job: Job, asked: HandIn) -> Taken:
        """Hand in the tag that the job's token speaks of, with the image that its pipeline built.

        Project, tag and commit come from the token alone, which is good for one question; the same one is answered the same again.
        """
        forge, claims = job
        done = self._intake.take_in(forge, claims, HandedIn(asked.image, asked.manifest, asked.rehearsal))
        return self._taken(done)

    def publication(self, viewer: Caller, publication: PublicationId) -> PublicationAnswer:
        """Where a publication stands."""
        with self._sessions.read() as session:
            return self._shown(self._seen(session, viewer, publication))

    async def events(
        self, viewer: Caller, publication: PublicationId, last_event_id: str = Header(default="", max_length=100)
    ) -> Response:
        """Where it stands and each change, as server-sent events `change` with the publication as JSON; `end` when it has ended."""
        return await self._following.answer(partial(self._look, viewer, publication), last_event_id)

    def log(self, viewer: Caller, publication: PublicationId, source: Source) -> Response:
        """A whole log, for those who may see the project."""
        with self._sessions.read() as session:
            row = self._seen(session, viewer, publication)
            refuse_withdrawn(row)
            allowed = self._access.allows(session, viewer, Right.SEE, row.project_id)
            found = logs.find(session, publication, source) if allowed else None
        if found is None:
            raise NotFound("There is no such log.", remedy="Logs are called build-1, run-1, inputs-1, by attempts.")
        return StreamingResponse(log_bytes.whole(self._storage, found), media_type="text/plain; charset=utf-8")

    def approve(self, viewer: Caller, publication: PublicationId, asked: Approval) -> PublicationAnswer:
        """Let a publication be released that waits for approval; `attempt` is the draft that was looked at."""

        def approve(session: Session) -> None:
            now, by = self._clock.now(), actor(viewer, Origin.API)
            approving.approve(session, self._queue, now, publication, asked.attempt, by)

        return self._change(viewer, publication, Right.APPROVE, approve)

    def retry(self, viewer: Caller, publication: PublicationId) -> PublicationAnswer:
        """Try a failed or cancelled publication again."""

        def retry(session: Session) -> None:
            submitting.retry(session, self._queue, self._clock.now(), publication, actor(viewer, Origin.API))

        return self._change(viewer, publication, Right.WORK, retry)

    def cancel(self, viewer: Caller, publication: PublicationId) -> PublicationAnswer:
        """Ask a publication to stop."""

        def cancel(session: Session) -> None:
            submitting.cancel(session, self._queue, self._clock.now(), publication, actor(viewer, Origin.API))

        return self._change(viewer, publication, Right.WORK, cancel)

    def _change(self, viewer: Viewer, publication: str, right: Right, change: Callable[[Session], None]) -> PublicationAnswer:
        # The forge may have to be asked, which no transaction that writes waits for.
        with self._sessions.read() as session:
            self._access.require(session, viewer, right, publications.standing(session, publication))
        with self._sessions.write() as session:
            change(session)
            session.flush()
            return self._shown(publications.get(session, publication))

    def _seen(self, session: Session, viewer: Viewer, publication: str) -> Publication:
        return self._access.seen(session, viewer, publications.standing(session, publication))

    def _look(self, viewer: Viewer, publication: str) -> Sight:
        shown = self.publication(viewer, publication)
        said = shown.model_dump(mode="json")
        mark = hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:16]
        return Sight(mark, said, not shown.state.active)

    def _taken(self, done: Submitted) -> Taken:
        url = f"{self._url}/publications/{done.publication}"
        return Taken(publication=done.publication, state=done.state, url=url, new=done.new)

    def _shown(self, row: Publication) -> PublicationAnswer:
        return PublicationAnswer(
            id=row.id,
            kind=row.kind,
            project=row.project.key,
            tag=row.ref,
            commit=row.commit,
            state=row.state,
            step=row.step,
            attempt=row.attempt,
            waiting=row.waiting,
            error=row.error,
            remedy=row.remedy,
            title=row.title,
            version=row.version,
            doi=row.doi,
            concept_doi=row.concept_doi,
            record=f"{self._url}/records/{row.id}" if row.state == State.PUBLISHED else None,
            image=row.image,
            url=f"{self._url}/publications/{row.id}",
            created_at=row.created_at,
            finished_at=row.finished_at,
        )
