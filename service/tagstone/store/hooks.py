"""Queries on hooks of forges."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.store.tables import Hook


def named(session: Session, ids: Iterable[str]) -> dict[str, Hook]:
    """Those hooks of these ids that there are, by id."""
    return {hook.id: hook for hook in session.scalars(select(Hook).where(Hook.id.in_(set(ids))))}


def every(session: Session) -> list[Hook]:
    """All hooks, the oldest first."""
    return list(session.scalars(select(Hook).order_by(Hook.created_at, Hook.id)))


def shared(session: Session) -> list[Hook]:
    """The hooks of groups and of whole forges, the oldest first."""
    return list(session.scalars(select(Hook).where(Hook.registration_id.is_(None)).order_by(Hook.created_at, Hook.id)))


def of_registration(session: Session, registration_id: int) -> list[Hook]:
    """The hooks that a registered project has of its own."""
    return list(session.scalars(select(Hook).where(Hook.registration_id == registration_id).order_by(Hook.id)))
