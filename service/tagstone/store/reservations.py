"""Queries on DOIs that were reserved before their tags exist."""

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.domain.deposits.deposit import Deposit
from tagstone.store import accounts
from tagstone.store.tables import Reservation

_DEPOSIT = TypeAdapter(Deposit)


def find(session: Session, project_id: int, ref: str) -> Reservation | None:
    """The reservation for a tag of a project, if there is one."""
    return session.scalars(
        select(Reservation).where(Reservation.project_id == project_id, Reservation.ref == ref)
    ).one_or_none()


def others(session: Session, project_id: int, ref: str, depository: str) -> list[Reservation]:
    """The reservations for other tags of a project at a depository, oldest first."""
    query = select(Reservation).where(Reservation.project_id == project_id, Reservation.ref != ref)
    found = session.scalars(query.order_by(Reservation.created_at))
    return [row for row in found if depository_of(session, row) == depository]


def depository_of(session: Session, row: Reservation) -> str:
    """The depository whose DOI is reserved: that of the account, where the depository's own name is the site's account."""
    account = accounts.find(session, row.account)
    return account.depository if account else row.account


def deposit(row: Reservation) -> Deposit | None:
    """The draft that holds the DOI; None while it is being made."""
    return _DEPOSIT.validate_json(row.deposit) if row.deposit else None


def keep(row: Reservation, made: Deposit) -> None:
    """Write down the draft that holds the DOI."""
    row.deposit = _DEPOSIT.dump_json(made).decode()
