"""Queries on what is owed to the forges of publications' projects."""

import json
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tagstone.domain.forges.announcement import COMMENTED
from tagstone.domain.forges.registration import Standing, What
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import Kind, State
from tagstone.store import registrations
from tagstone.store.tables import Announcement, Publication, Registration

MADE, REFUSED, GIVEN_UP, OUTDATED = "made", "refused", "given up", "outdated"


def wanted(row: Registration) -> frozenset[What]:
    """What a registration lets the service write at its forge."""
    return frozenset(What(name) for name in json.loads(row.announces))


def owe(session: Session, row: Publication, now: float, *kinds: What) -> None:
    """Write down, with what it tells of, that the forge is to be told how `row` stands, as far as its project is to be told that.

    Of rehearsals nobody is told.
    """
    for what in _allowed(session, row, kinds):
        _owe(session, row.id, what, now)


def owe_comment(session: Session, row: Publication, event: Event, now: float) -> None:
    """The same for a comment on `event`, which is made once for each attempt."""
    if event in COMMENTED and _allowed(session, row, (What.COMMENTS,)):
        _owe(session, row.id, What.COMMENTS, now, event, row.attempt)


def owe_anew(session: Session, row: Publication, now: float) -> list[Announcement]:
    """Write down that the forge is to be told anew how `row` stands, with the comments that could not be made; what is owed now."""
    owe(session, row, now, What.STATUS, *((What.RELEASE, What.BADGE) if row.state == State.PUBLISHED else ()))
    for one in of(session, row.id):
        if one.what == What.COMMENTS and one.outcome in (REFUSED, GIVEN_UP):
            one.turn += 1
            one.outcome, one.reason, one.owed_at, one.due_at, one.tries = None, None, now, now, 0
    session.flush()
    return [one for one in of(session, row.id) if one.outcome is None]


def find(session: Session, publication_id: str, what: What, event: str = "", attempt: int = 0) -> Announcement | None:
    """What is owed, or was, of this kind."""
    query = select(Announcement).where(Announcement.publication_id == publication_id, Announcement.what == what)
    return session.scalars(query.where(Announcement.event == event, Announcement.attempt == attempt)).one_or_none()


def of(session: Session, publication_id: str) -> list[Announcement]:
    """All that is owed for a publication, or was, in the order in which it was first owed."""
    query = select(Announcement).where(Announcement.publication_id == publication_id)
    return list(session.scalars(query.order_by(Announcement.id)))


def due(session: Session, now: float, most: int) -> list[tuple[Announcement, Publication, Registration]]:
    """What is to be made now of projects that are registered, with what it is about, oldest first."""
    query = select(Announcement, Publication, Registration).join(Publication, Publication.id == Announcement.publication_id)
    query = query.join(Registration, Registration.project_id == Publication.project_id)
    query = query.where(Announcement.outcome.is_(None), Announcement.due_at <= now)
    query = query.where(Registration.standing == Standing.ACTIVE)
    query = query.order_by(Announcement.owed_at, Announcement.id).limit(most).options(joinedload(Publication.project))
    return [(one, row, registration) for one, row, registration in session.execute(query)]


def settle(session: Session, told: Announcement, outcome: str, reason: str | None = None) -> None:
    """Write down that it was made, or never will be; what was owed anew meanwhile is left owed."""
    row = session.get_one(Announcement, told.id)
    if row.turn == told.turn:
        row.outcome, row.reason = outcome, reason


def postpone(session: Session, told: Announcement, due_at: float, reason: str) -> None:
    """Write down that it could not be made now, and when it is tried again."""
    row = session.get_one(Announcement, told.id)
    row.tries += 1
    row.due_at, row.reason = due_at, reason


def _allowed(session: Session, row: Publication, kinds: Collection[What]) -> list[What]:
    if row.kind != Kind.PUBLICATION:
        return []
    registration = registrations.of_project(session, row.project_id)
    if registration is None or registration.standing != Standing.ACTIVE:
        return []
    allowed = wanted(registration)
    return [what for what in kinds if what in allowed]


def _owe(session: Session, publication_id: str, what: What, now: float, event: str = "", attempt: int = 0) -> None:
    row = find(session, publication_id, what, event, attempt)
    if row is None:
        row = Announcement(publication_id=publication_id, what=what, event=event, attempt=attempt)
        session.add(row)
    elif event:
        return
    else:
        row.turn += 1
    if row.outcome is not None or row.owed_at is None:
        row.owed_at, row.due_at, row.tries = now, now, 0
    row.outcome = row.reason = None
