"""Queries on where logs stand; the bytes are in storage, at `chunk_key`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.store.tables import Log


def source(name: str, attempt: int) -> str:
    """What the `build` or `run` log of one attempt is called."""
    return f"{name}-{attempt}"


def chunk_key(publication_id: str, source: str, number: int) -> str:
    """The Storage key of one chunk of a publication's log."""
    return f"logs/{publication_id}/{source}/{number:08d}"


def find(session: Session, publication_id: str, source: str) -> Log | None:
    """Where this log stands, if it was begun."""
    return session.scalars(select(Log).where(Log.publication_id == publication_id, Log.source == source)).one_or_none()


def of(session: Session, publication_id: str) -> list[Log]:
    """Every log of a publication, in the order they were begun."""
    return list(session.scalars(select(Log).where(Log.publication_id == publication_id).order_by(Log.id)))


def ensure(session: Session, publication_id: str, source: str) -> Log:
    """Where this log stands; begun when it is new."""
    row = find(session, publication_id, source)
    if row is None:
        row = Log(publication_id=publication_id, source=source, last=0, size=0, cursor="", ended=False)
        session.add(row)
        session.flush()
    return row


def rewind(session: Session, publication_id: str, source: str) -> None:
    """Read this log's source from its beginning again; what was stored stays, and more is added to it."""
    row = ensure(session, publication_id, source)
    row.cursor, row.ended = "", False
