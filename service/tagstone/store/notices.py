"""Queries on letters that are owed about what is no publication; each is written when it is owed, and its text does not change."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.store.tables import Notice


def owe(session: Session, address: str, subject: str, text: str, now: float) -> None:
    """Write down, with what it tells of, that somebody is to be told."""
    session.add(Notice(address=address, subject=subject, text=text, owed_at=now, due_at=now, tries=0))


def due(session: Session, now: float, most: int) -> list[Notice]:
    """Letters that are to be sent now, oldest first."""
    query = select(Notice).where(Notice.outcome.is_(None), Notice.due_at <= now).order_by(Notice.id).limit(most)
    return list(session.scalars(query))


def settle(session: Session, notice_id: int, outcome: str) -> None:
    """Write down that the letter was sent, or never will be; whom it went to is forgotten."""
    row = session.get_one(Notice, notice_id)
    row.outcome, row.address = outcome, ""


def postpone(session: Session, notice_id: int, due_at: float) -> None:
    """Write down that it could not be sent now, and when it is tried again."""
    row = session.get_one(Notice, notice_id)
    row.tries += 1
    row.due_at = due_at
