"""Queries on tokens of CI jobs that were used."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tagstone.store.tables import SpentToken

_KEPT = 3600.0  # seconds beyond its expiry: longer than clocks may be apart


def find(session: Session, token: str) -> SpentToken | None:
    """The token with this hash, if it was used."""
    return session.get(SpentToken, token)


def spend(session: Session, token: str, asked: str, publication_id: str, expires_at: float, now: float) -> None:
    """Write down that a token is used now, and forget those that nobody can use any more."""
    session.execute(delete(SpentToken).where(SpentToken.expires_at < now - _KEPT))
    session.add(SpentToken(id=token, asked=asked, publication_id=publication_id, expires_at=expires_at))
    session.flush()
