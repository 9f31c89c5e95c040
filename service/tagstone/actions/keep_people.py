"""Keeping people: roles of our own, and tokens for programs. A token's text is told once, and kept by nobody but its owner."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tagstone.actions.recognise import digest_of
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.people.viewer import Role, Scope
from tagstone.errors import Conflict, Invalid, NotFound
from tagstone.store import audit, people
from tagstone.store.tables import ApiToken, Person

_DAY = 86_400.0
_MOST = 50
_NAME = 100


@dataclass(frozen=True)
class NewToken:
    """What a token is to be: `days` is how long it lives."""

    name: str
    scopes: frozenset[Scope]
    days: float


def one(session: Session, text: str) -> Person:
    """The person that is meant by a number or a name. Raises: NotFound; Conflict where several have the name."""
    found = people.named(session, text)
    if not found:
        raise NotFound(
            f"Nobody called {text[:100]!r} signed in here yet.",
            remedy="People are known from when they sign in: `tagstone people list`.",
        )
    if len(found) > 1:
        numbers = ", ".join(f"{row.id} ({row.issuer})" for row in found)
        raise Conflict(f"{text[:100]!r} is the name of several: {numbers}.", remedy="Give the number.")
    return found[0]


def grant(session: Session, now: float, row: Person, role: Role, by: Actor) -> bool:
    """Give a person a role, in place of another; False where they have it."""
    before, row.role = row.role, role
    if before != role:
        audit.write(session, now, by, Deed.ROLE_GRANTED, told(row), f"{role}, was {before or 'without a role'}")
    return before != role


def revoke(session: Session, now: float, row: Person, by: Actor) -> bool:
    """Take a person's role, and sign them out everywhere; False where they had none."""
    before, row.role = row.role, None
    people.end_visits(session, row.id)
    if before is not None:
        audit.write(session, now, by, Deed.ROLE_REVOKED, told(row), before)
    return before is not None


def link(session: Session, now: float, row: Person, forge: str, remote: int, forges: Collection[str], by: Actor) -> None:
    """Say whose account at a forge it is, where the provider that they sign in with is another. Raises: NotFound, Invalid."""
    if forge not in forges:
        raise NotFound(f"There is no forge {forge[:100]!r}.", remedy="`TAGSTONE_FORGES__NAME__URL` names forges.")
    if not 0 < remote < 2**53:
        raise Invalid("That is no number of an account.", remedy="GitLab shows it on the page of the account.")
    row.forge, row.remote = forge, remote
    audit.write(session, now, by, Deed.PERSON_LINKED, told(row), f"account {remote} at {forge}")


def make_token(session: Session, person: int, wanted: NewToken, longest: float, now: float, by: Actor) -> tuple[ApiToken, str]:
    """A new token and its text. `longest` is the most seconds that it may live. Raises: Invalid, Conflict."""
    if not wanted.name.strip() or len(wanted.name) > _NAME or not wanted.name.isprintable():
        raise Invalid("The token needs a name of at most a hundred characters.", remedy="Say what it is for.")
    if not wanted.scopes:
        raise Invalid("The token may be used for nothing.", remedy=f"Choose of {', '.join(Scope)}.")
    seconds = wanted.days * _DAY
    if not 0 < seconds <= longest:
        raise Invalid(f"A token lives at most {int(longest // _DAY)} days here.", remedy="Choose fewer days.")
    good = [row for row in people.tokens(session, person) if row.revoked_at is None and row.expires_at > now]
    if len(good) >= _MOST:
        raise Conflict(f"There are {_MOST} tokens already.", remedy="Revoke those that are not used any more.")
    text = "tagstone_" + secrets.token_urlsafe(32)
    row = people.add_token(session, person, digest_of(text), wanted.name.strip(), wanted.scopes, now, now + seconds)
    may = ", ".join(sorted(wanted.scopes))
    audit.write(session, now, by, Deed.TOKEN_MADE, f"token {row.id}", f"{row.name!r} may {may} for {wanted.days:g} days")
    return row, text


def revoke_token(session: Session, number: int, now: float, by: Actor, person: int | None = None) -> ApiToken:
    """Revoke a token; with `person` one of theirs. Revoked again it stays as it is. Raises: NotFound."""
    row = session.get(ApiToken, number)
    if row is None or (person is not None and row.person_id != person):
        raise NotFound(f"There is no token {number}.", remedy="`tagstone people tokens` lists them.")
    if row.revoked_at is None:
        row.revoked_at = now
        whose = told(people.get(session, row.person_id))
        audit.write(session, now, by, Deed.TOKEN_REVOKED, f"token {row.id}", f"{row.name!r} of {whose}")
    return row


def told(row: Person) -> str:
    """A person for the audit log: their name as it is now, and their number, which stays."""
    return f"{row.name} ({row.id})"
