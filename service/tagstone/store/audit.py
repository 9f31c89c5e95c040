"""The audit log: rows are added in the transaction that does what they tell of, and never changed. Never with a secret."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tagstone.domain.people.deed import Actor, Deed
from tagstone.store.tables import Audit

_LONGEST = 2000


@dataclass(frozen=True)
class Wanted:
    """Which rows are wanted; None: whatever they say. `after` is the number of a row, `since` and `until` are times."""

    deed: Deed | None = None
    actor: str | None = None
    subject: str | None = None
    since: float | None = None
    until: float | None = None
    after: int | None = None


def write(session: Session, now: float, by: Actor, deed: Deed, subject: str, detail: str = "") -> None:
    """Add what was done to `subject` (a publication, project, person, account …), in the caller's transaction."""
    row = Audit(at=now, deed=deed, actor=by.name, person=by.person, origin=by.origin)
    row.subject, row.detail = subject[:_LONGEST], detail[:_LONGEST]
    session.add(row)


def count(session: Session, deed: Deed, subject: str, since: float) -> int:
    """How often it was written down of a subject since a time."""
    query = select(func.count()).select_from(Audit).where(Audit.deed == deed, Audit.subject == subject, Audit.at > since)
    return session.scalars(query).one()


def newest(session: Session, wanted: Wanted, limit: int, offset: int = 0) -> list[Audit]:
    """Rows that are wanted, the newest first."""
    query = select(Audit).where(*_conditions(wanted)).order_by(Audit.id.desc()).limit(limit).offset(offset)
    return list(session.scalars(query))


def total(session: Session, wanted: Wanted) -> int:
    """How many rows are wanted."""
    return session.scalars(select(func.count()).select_from(Audit).where(*_conditions(wanted))).one()


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    for column, value in ((Audit.deed, wanted.deed), (Audit.actor, wanted.actor), (Audit.subject, wanted.subject)):
        if value is not None:
            yield column == value
    if wanted.since is not None:
        yield Audit.at >= wanted.since
    if wanted.until is not None:
        yield Audit.at < wanted.until
    if wanted.after is not None:
        yield Audit.id > wanted.after
