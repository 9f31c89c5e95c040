"""Queries on projects of forges that this site publishes for, or was asked to."""

from collections.abc import Iterable

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session, undefer

from tagstone.domain.forges.registration import Standing
from tagstone.errors import NotFound
from tagstone.store.tables import Registration


def of_remote(session: Session, forge: str, remote: int) -> Registration | None:
    """The registration of a forge's project by its number there."""
    return session.scalars(select(Registration).where(Registration.forge == forge, Registration.remote == remote)).one_or_none()


def numbered(session: Session, number: int) -> Registration:
    """The registration with this number. Raises: NotFound."""
    row = session.get(Registration, number)
    if row is None:
        raise NotFound(f"There is no registration {number}.", remedy="The page of registrations has those that you may see.")
    return row


def asked_by(session: Session, person: int) -> list[Registration]:
    """The registrations that somebody asked for last, the newest first."""
    return list(session.scalars(select(Registration).where(Registration.asker == person).order_by(Registration.id.desc())))


def of_remotes(session: Session, remotes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Registration]:
    """Those registrations that there are of forges' projects, by forge and number there."""
    query = select(Registration).where(tuple_(Registration.forge, Registration.remote).in_(set(remotes)))
    return {(row.forge, row.remote): row for row in session.scalars(query)}


def of_project(session: Session, project_id: int) -> Registration | None:
    """The registration that a project of ours has, or had, None for local repositories; one that was only asked for changes nothing."""
    counts = or_(Registration.standing.not_in((Standing.ASKED, Standing.REFUSED)), Registration.granted_by.is_not(None))
    query = select(Registration).where(Registration.project_id == project_id, counts).order_by(Registration.id).limit(1)
    return session.scalars(query).one_or_none()


def exist(session: Session) -> bool:
    """Say whether any project of a forge is, or was, registered."""
    return session.scalars(select(Registration.id).limit(1)).first() is not None


def lending(session: Session) -> list[Registration]:
    """Registered projects that lend an access token, with it as it rests."""
    query = select(Registration).where(Registration.standing == Standing.ACTIVE, Registration.token.is_not(None))
    return list(session.scalars(query.options(undefer(Registration.token)).order_by(Registration.id)))


def standing(session: Session, how: Standing) -> list[Registration]:
    """All registrations that stand like this, by their numbers."""
    query = select(Registration).where(Registration.standing == how).order_by(Registration.id)
    return list(session.scalars(query.options(undefer(Registration.tags_before))))
