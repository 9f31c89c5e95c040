"""Queries on what comes after a release: DOIs that do not resolve yet, records to share, deposits to compare again."""

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from tagstone.domain.forges.registration import What
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import State
from tagstone.store import announcements, asked, letters
from tagstone.store.tables import Asked, Publication

RESOLVES, SHARE = "resolves", "share"


def begin(session: Session, row: Publication, now: float, *, registered: bool, share: bool) -> None:
    """Write down, with the release of `row`, all that comes after it: nothing of it holds the release up."""
    row.checked_at = now
    letters.owe(session, row, Event.PUBLISHED, now)
    announcements.owe(session, row, now, What.STATUS, What.RELEASE, What.BADGE)
    announcements.owe_comment(session, row, Event.PUBLISHED, now)
    for call, wanted in ((RESOLVES, registered), (SHARE, share and row.contact is not None)):
        if wanted and asked.find(session, row.id, call) is None:
            asked.ask(session, row.id, call, now)


def pending(session: Session, call: str, most: int) -> list[tuple[Publication, Asked]]:
    """What is asked of this kind and not answered, with what it is about; what was looked at longest ago comes first."""
    query = select(Publication, Asked).join(Asked, Asked.publication_id == Publication.id)
    query = query.where(Asked.call == call, Asked.answered_at.is_(None), Publication.state == State.PUBLISHED)
    query = query.options(joinedload(Publication.project)).order_by(Asked.asked_at).limit(most)
    return [(row, one) for row, one in session.execute(query)]


def looked(session: Session, publication_id: str, call: str, now: float) -> None:
    """Write down that it was asked again, and is not so yet."""
    asked.ask(session, publication_id, call, now)


def to_compare(session: Session, before: float, other_than: Collection[str]) -> Publication | None:
    """The record that was compared longest ago, if that was before this moment."""
    query = select(Publication).where(
        Publication.state == State.PUBLISHED,
        or_(Publication.checked_at.is_(None), Publication.checked_at < before),
        Publication.id.not_in(other_than),
    )
    return session.scalars(query.order_by(Publication.checked_at.asc().nulls_first()).limit(1)).one_or_none()
