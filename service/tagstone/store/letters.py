"""Queries on the letters that are owed to the people who set tags."""

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import Kind
from tagstone.store.tables import Letter, Publication

SENT, REFUSED, GIVEN_UP, OUTDATED, NO_MAIL = "sent", "refused", "given up", "outdated", "no mail"


def owe(session: Session, row: Publication, event: Event, now: float) -> None:
    """Write down, with what it tells of, that the contact of `row` is to be told; nothing where it has none, or was told.

    Of rehearsals nobody is told: who asked for one looks at it.
    """
    if row.contact is None or row.kind != Kind.PUBLICATION or find(session, row.id, event, row.attempt) is not None:
        return
    session.add(Letter(publication_id=row.id, event=event, attempt=row.attempt, owed_at=now, due_at=now, tries=0))


def owe_again(session: Session, row: Publication, event: Event, now: float) -> None:
    """The same for what may happen more than once after the release: an earlier letter of the kind is written anew."""
    earlier = find(session, row.id, event, row.attempt)
    if earlier is None:
        owe(session, row, event, now)
    else:
        earlier.outcome, earlier.tries, earlier.owed_at, earlier.due_at = None, 0, now, now


def find(session: Session, publication_id: str, event: Event, attempt: int) -> Letter | None:
    """The letter that tells of this, if there is one."""
    query = select(Letter).where(Letter.publication_id == publication_id, Letter.event == event, Letter.attempt == attempt)
    return session.scalars(query).one_or_none()


def due(session: Session, now: float, most: int) -> list[tuple[Letter, Publication]]:
    """Letters that are to be sent now with what they are about, oldest first."""
    query = select(Letter, Publication).join(Publication, Publication.id == Letter.publication_id)
    query = query.where(Letter.outcome.is_(None), Letter.due_at <= now).order_by(Letter.id).limit(most)
    return [(letter, row) for letter, row in session.execute(query.options(joinedload(Publication.project)))]


def settle(session: Session, letter_id: int, outcome: str) -> None:
    """Write down that the letter was sent, or never will be."""
    session.get_one(Letter, letter_id).outcome = outcome


def postpone(session: Session, letter_id: int, due_at: float) -> None:
    """Write down that it could not be sent now, and when it is tried again."""
    letter = session.get_one(Letter, letter_id)
    letter.tries += 1
    letter.due_at = due_at
