"""Queries on what is known of credentials, and on when rows tell that they were used last."""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tagstone.domain.credentials.credential import Sight
from tagstone.domain.publications.publication import Step
from tagstone.store import letters
from tagstone.store.tables import Asked, CredentialRow, Delivery, Letter, Person, Publication, StepRow


def known(session: Session) -> Mapping[str, CredentialRow]:
    """What is known, by the names of credentials."""
    return {row.name: row for row in session.scalars(select(CredentialRow))}


def used(session: Session, name: str, now: float) -> None:
    """Write down that a credential was used."""
    _row(session, name).used_at = now


def looked_at(session: Session, name: str, now: float, sight: Sight | None, fault: str | None) -> CredentialRow:
    """Write down what its server said of a credential; without a `sight` it said that it is no good, or what it may is kept."""
    row = _row(session, name)
    row.looked_at, row.fault = now, fault
    if sight is not None:
        row.may = ", ".join(sight.may)
        if sight.expires_at != row.expires_at:
            row.expires_at, row.warned = sight.expires_at, None
    return row


def warned(session: Session, name: str, days: int) -> None:
    """Write down that somebody was warned, for so many days before its end."""
    _row(session, name).warned = days


def forget_others(session: Session, names: set[str]) -> None:
    """Forget what is known of credentials that there are no more."""
    for name, row in known(session).items():
        if name not in names:
            session.delete(row)


def last_sign_in(session: Session) -> float | None:
    """When somebody signed in last."""
    return session.scalars(select(func.max(Person.seen_at))).one()


def last_letter(session: Session) -> float | None:
    """When a letter about a publication was sent last."""
    return session.scalars(select(func.max(Letter.due_at)).where(Letter.outcome == letters.SENT)).one()


def last_build(session: Session) -> float | None:
    """When a build ended last, which asks the registry whatever it finds there."""
    return session.scalars(select(func.max(StepRow.finished_at)).where(StepRow.step == Step.BUILD)).one()


def last_image_of(session: Session, forge: str) -> float | None:
    """When an image in the registry of a forge was handed in last."""
    query = select(func.max(Publication.created_at)).where(Publication.handed_image.startswith(f"{forge}:", autoescape=True))
    return session.scalars(query).one()


def last_deliveries(session: Session) -> Mapping[str, float]:
    """When hooks delivered last, by their ids."""
    query = select(Delivery.hook_id, func.max(Delivery.received_at)).group_by(Delivery.hook_id)
    return {row[0]: row[1] for row in session.execute(query)}


def last_questions(session: Session) -> Mapping[str, float]:
    """When a depository was asked last for a publication, by the accounts' names."""
    query = select(Publication.account, func.max(Asked.asked_at)).join(Asked, Asked.publication_id == Publication.id)
    return {name: at for name, at in session.execute(query.group_by(Publication.account)) if name is not None}


def _row(session: Session, name: str) -> CredentialRow:
    row = session.get(CredentialRow, name)
    if row is None:
        row = CredentialRow(name=name, may="")
        session.add(row)
    return row
