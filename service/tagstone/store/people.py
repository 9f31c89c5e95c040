"""Queries on people, the browsers that they are signed in with, and their tokens for programs."""

import json
from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tagstone.domain.people.viewer import Role, Scope
from tagstone.store.tables import ApiToken, Person, Visit


def get(session: Session, person_id: int) -> Person:
    """The person with this number."""
    return session.get_one(Person, person_id)


def find(session: Session, issuer: str, subject: str) -> Person | None:
    """Who a provider calls by this subject, if they signed in before."""
    return session.scalars(select(Person).where(Person.issuer == issuer, Person.subject == subject)).one_or_none()


def named(session: Session, text: str) -> list[Person]:
    """People by their number here, or by their name at the provider; names may be shared."""
    if text.isascii() and text.isdecimal() and len(text) < 19:
        found = session.get(Person, int(text))
        return [found] if found else []
    return list(session.scalars(select(Person).where(Person.name == text).order_by(Person.id)))


def listing(session: Session) -> list[Person]:
    """Everybody who signed in once, those with a role first."""
    return list(session.scalars(select(Person).order_by(Person.role.is_(None), Person.role, Person.name, Person.id)))


def curators_addresses(session: Session) -> list[str]:
    """The addresses of curators and admins, as far as they are known."""
    found = session.scalars(select(Person.email).where(Person.role.is_not(None)))
    return sorted({address for address in found if address is not None})


def admins_addresses(session: Session) -> list[str]:
    """The addresses of admins, as far as they are known."""
    found = session.scalars(select(Person.email).where(Person.role == Role.ADMIN))
    return sorted({address for address in found if address is not None})


def visit(session: Session, digest: str, now: float) -> tuple[Visit, Person] | None:
    """The visit whose cookie has this hash, with who is signed in; None when there is none, or it has ended."""
    query = select(Visit, Person).join(Person, Person.id == Visit.person_id).where(Visit.id == digest, Visit.expires_at > now)
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def end_visit(session: Session, digest: str) -> None:
    """Forget a visit; nothing happens where there is none."""
    session.execute(delete(Visit).where(Visit.id == digest))


def begin_visit(session: Session, digest: str, person_id: int, now: float, ends: float) -> None:
    """Write a visit down, and forget those that have ended."""
    session.execute(delete(Visit).where(Visit.expires_at <= now))
    session.add(Visit(id=digest, person_id=person_id, created_at=now, expires_at=ends))


def end_visits(session: Session, person_id: int) -> None:
    """Sign a person out everywhere."""
    session.execute(delete(Visit).where(Visit.person_id == person_id))


def token(session: Session, digest: str) -> tuple[ApiToken, Person] | None:
    """The token with this hash, with whose it is; whether it is still good is not judged."""
    query = select(ApiToken, Person).join(Person, Person.id == ApiToken.person_id).where(ApiToken.digest == digest)
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def tokens(session: Session, person_id: int | None = None) -> list[ApiToken]:
    """The tokens of a person, or of everybody, newest first."""
    query = select(ApiToken).order_by(ApiToken.id.desc())
    return list(session.scalars(query if person_id is None else query.where(ApiToken.person_id == person_id)))


def add_token(
    session: Session, person_id: int, digest: str, name: str, scopes: Collection[Scope], now: float, ends: float
) -> ApiToken:
    """Write a token down by its hash."""
    row = ApiToken(person_id=person_id, digest=digest, name=name, created_at=now, expires_at=ends)
    row.scopes = json.dumps(sorted(scopes))
    session.add(row)
    session.flush()
    return row


def scopes(row: ApiToken) -> frozenset[Scope]:
    """What a token may be used for."""
    return frozenset(Scope(scope) for scope in json.loads(row.scopes))


def role(row: Person) -> Role | None:
    """The role that a person has."""
    return Role(row.role) if row.role else None
