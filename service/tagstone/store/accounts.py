"""Queries on accounts at depositories, and on what binds projects to them."""

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from tagstone.store.tables import Account, Binding, Project, Publication, Reservation


def find(session: Session, name: str) -> Account | None:
    """The account of this name with its sealed token, if there is one."""
    return session.get(Account, name, options=[undefer(Account.token)])


def owner(session: Session, name: str) -> str | None:
    """Whose an account is, in words for people; None for a site's own, which are settings."""
    return session.scalars(select(Account.owner).where(Account.name == name)).one_or_none()


def listing(session: Session) -> list[Account]:
    """Every account, by name."""
    return list(session.scalars(select(Account).order_by(Account.name)))


def binding(session: Session, project_id: int, depository: str) -> Binding:
    """The project at this depository; a new row, bound to nobody and without a series, where it was never there."""
    found = session.get(Binding, (project_id, depository))
    if found is None:
        found = Binding(project_id=project_id, depository=depository, account=None, series=None)
        session.add(found)
    return found


def bound(session: Session, project_id: int, depository: str) -> str | None:
    """The name of the account that the project is bound to at this depository, None where nobody bound it."""
    found = session.get(Binding, (project_id, depository))
    return found.account if found else None


def series(session: Session, project_id: int, depository: str) -> str | None:
    """The project's series at this depository, None before its first release there."""
    found = session.get(Binding, (project_id, depository))
    return found.series if found else None


def bindings(session: Session, project_id: int | None = None) -> list[Binding]:
    """What is bound to accounts, of one project or of all."""
    query = select(Binding).where(Binding.account.is_not(None)).order_by(Binding.project_id, Binding.depository)
    return list(session.scalars(query if project_id is None else query.where(Binding.project_id == project_id)))


def bound_to(session: Session, name: str) -> list[Project]:
    """The projects that are bound to an account."""
    query = select(Project).join(Binding, Binding.project_id == Project.id).where(Binding.account == name)
    return list(session.scalars(query.order_by(Project.name)))


def drafts_of(session: Session, name: str) -> list[str]:
    """The publications and reservations that have a draft made with an account."""
    held = select(Publication.id).where(Publication.account == name, Publication.holds_series)
    kept = select(Reservation.id).where(Reservation.account == name)
    return [*session.scalars(held.order_by(Publication.id)), *session.scalars(kept.order_by(Reservation.id))]
