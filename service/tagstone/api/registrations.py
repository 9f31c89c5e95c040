"""Registrations for programs: maintainers ask that their project is registered, and see what became of it."""

from typing import Any

from fastapi import APIRouter

from tagstone.actions.requests import Requests, Wish
from tagstone.api.schemas import CapsAnswer, Problem, RegistrationAnswer, RegistrationList, RegistrationWish, RequestAnswer
from tagstone.domain.people.deed import Origin
from tagstone.domain.runs import caps
from tagstone.edges.entrance import Caller, Entrance
from tagstone.store import registrations
from tagstone.store.tables import Registration

_REFUSED: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (401, 403, 409)}


class Registrations:
    """The handlers, with what they ask."""

    def __init__(self, entrance: Entrance, requests: Requests) -> None:
        self._sessions = entrance.sessions
        self._requests = requests

    def router(self) -> APIRouter:
        """The addresses of registrations."""
        router = APIRouter(prefix="/registrations", tags=["registrations"])
        router.add_api_route("", self.listing, methods=["GET"], summary="List registrations", responses=_REFUSED)
        router.add_api_route(
            "", self.ask, methods=["POST"], status_code=201, summary="Ask for a registration", responses=_REFUSED
        )
        return router

    def listing(self, viewer: Caller) -> RegistrationList:
        """What the caller asked for, or for curators all registrations, those first that wait for a decision."""
        with self._sessions.read() as session:
            return RegistrationList(registrations=[_shown(row) for row in self._requests.listing(session, viewer)])

    def ask(self, viewer: Caller, asked: RegistrationWish) -> RequestAnswer:
        """Ask that a project is registered which the caller maintains; a curator decides."""
        wish = Wish(asked.project, asked.forge, asked.builder, asked.tags, asked.note)
        made = self._requests.ask(viewer, Origin.API, wish)
        with self._sessions.read() as session:
            return _shown(registrations.numbered(session, made.registration))


def registration_shown(row: Registration) -> RegistrationAnswer:
    """How a project is registered, as everybody sees it who may see the project."""
    return RegistrationAnswer(
        forge=row.forge,
        number=row.remote,
        path=row.path,
        standing=row.standing,
        builder=row.builder,
        caps=CapsAnswer(**vars(caps.load(row.caps))),
    )


def _shown(row: Registration) -> RequestAnswer:
    return RequestAnswer(
        id=row.id,
        registration=registration_shown(row),
        asked_by=row.asked_by,
        note=row.note,
        refused_because=row.refused_because,
    )
