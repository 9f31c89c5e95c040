"""Recognising who asks: by the cookie of a browser in which somebody signed in, by a token of theirs, or by a CI job's own token."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from tagstone.domain.forges import claims as rules
from tagstone.domain.forges.claims import Expected
from tagstone.domain.forges.registration import Standing
from tagstone.domain.people.viewer import Scope, Viewer
from tagstone.errors import Forbidden, Unproven
from tagstone.store import people, registrations, spent_tokens
from tagstone.store.session import Sessions
from tagstone.store.tables import Person

TOKEN = re.compile(r"tagstone_[A-Za-z0-9_-]{43}")
"""What a token for programs looks like: scanners for leaked secrets know it by its beginning."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_MINUTE = 60.0
_ALL = frozenset(Scope)


def digest_of(secret: str) -> str:
    """The sha256 of a secret of 32 random bytes, by which it is found again; it cannot be guessed, so it needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def by_visit(session: Session, secret: str, now: float) -> Viewer | None:
    """Who is signed in in the browser whose cookie says this; None where nobody is."""
    found = people.visit(session, digest_of(secret), now) if _SECRET.fullmatch(secret) else None
    return _viewer(found[1], _ALL) if found else None


def form_token(secret: str) -> str:
    """What forms of this browser's pages have to bring along: other sites cannot know it."""
    digest = hmac.digest(secret.encode(), b"form", "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_form_token(secret: str, given: str) -> bool:
    """Say whether a form comes from a page of this browser's visit."""
    return hmac.compare_digest(form_token(secret).encode(), given.encode("utf-8", "replace"))


def by_token(sessions: Sessions, text: str, now: float) -> Viewer:
    """Whose token it is; when it was used last is written down once a minute. Raises: Unproven."""
    with sessions.read() as session:
        found = people.token(session, digest_of(text)) if TOKEN.fullmatch(text) else None
    if found is None:
        raise Unproven("This is no token of this service.", remedy="Make one on the page of your account.")
    row, person = found
    if row.revoked_at is not None:
        raise Unproven("This token was revoked.", remedy="Make another on the page of your account.")
    if now >= row.expires_at:
        raise Unproven("This token has expired.", remedy="Make another on the page of your account.")
    if row.used_at is None or now - row.used_at >= _MINUTE:
        with sessions.write() as session:
            session.get_one(type(row), row.id).used_at = now
    return _viewer(person, people.scopes(row))


def by_job(session: Session, forge: str, claims: Mapping[str, Any]) -> Viewer:
    """The job whose verified token says this: it sees its own project. Raises: Forbidden, Invalid."""
    job = rules.identity(claims)
    # Whatever else runs in the project, such as the code of a fork, is not its own.
    if not rules.is_branch(claims):
        rules.check(claims, Expected(job.project, job.ref, job.sha))
    elif spent_tokens.find(session, job.spent_as(forge)) is None:
        # Of a branch that is taken in it was looked up whose it is.
        raise Forbidden("This job runs for a branch, and has rehearsed nothing.", remedy="Hand the rehearsal in first.")
    registration = registrations.of_remote(session, forge, job.project)
    if registration is None or registration.standing != Standing.ACTIVE:
        raise Forbidden(
            "This project is not registered here.", remedy="A maintainer asks for it with `tagstone register PROJECT`."
        )
    return Viewer(name=f"job {job.job}"[:100], project=registration.project_id, scopes=frozenset((Scope.READ,)))


def _viewer(person: Person, scopes: frozenset[Scope]) -> Viewer:
    return Viewer(person.name, person.id, people.role(person), person.forge, person.remote, scopes)
