"""Signing in: a browser is sent to the provider with marks that only it can know, and comes back with who somebody is.

What belongs to one attempt (state, nonce, PKCE's verifier) is made of one secret in a cookie of that browser: the server keeps
nothing of attempts that lead nowhere.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from tagstone.actions.recognise import digest_of
from tagstone.domain.people.deed import Actor, Deed, Origin
from tagstone.domain.people.signed_in import SignedIn
from tagstone.errors import Unproven
from tagstone.ports import Clock
from tagstone.store import audit, people
from tagstone.store.session import Sessions
from tagstone.store.tables import Person

_GOING = re.compile(r"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{0,1400})")
_BACK = re.compile(r"/(?![/\\])[\x21-\x7e]{0,1000}")


class Provider(Protocol):
    """Whom people sign in with."""

    def address(self, redirect: str, state: str, nonce: str, challenge: str) -> str:
        """Where people are sent to sign in. Raises: Temporary, Permanent."""
        ...

    def person(self, code: str, redirect: str, verifier: str, nonce: str) -> SignedIn:
        """Who signed in. Raises: Unproven, Invalid, Temporary, Permanent."""
        ...


@dataclass(frozen=True)
class Arrived:
    """Somebody is signed in: `secret` is for their browser's cookie alone, `back` is where they wanted to go."""

    secret: str
    back: str


@dataclass(frozen=True)
class SignIn:
    """Signs people in; `redirect` is where the provider sends them back to, `seconds` how long a visit lasts.

    `forges` are names of forges by their addresses: who signs in with one of them is a member there. `longest_token` is how
    many seconds tokens may live.
    """

    provider: Provider
    sessions: Sessions
    clock: Clock
    redirect: str
    seconds: float
    longest_token: float
    forges: Mapping[str, str]

    def begin(self, back: str) -> tuple[str, str]:
        """What the browser's cookie says until it comes back, and where it is sent. Raises: Temporary, Permanent."""
        secret = secrets.token_urlsafe(32)
        wanted = back if _BACK.fullmatch(back) else "/"
        challenge = _text(hashlib.sha256(_mark(secret, "verifier").encode()).digest())
        address = self.provider.address(self.redirect, _mark(secret, "state"), _mark(secret, "nonce"), challenge)
        return f"{secret}.{_text(wanted.encode())}", address

    def finish(self, going: str, state: str, code: str, earlier: str) -> Arrived:
        """Sign in who came back; `going` is the cookie of `begin`, `earlier` that of a visit, which ends.

        Raises:
            Unproven: this browser did not begin it, or the provider vouches for nobody.
            Invalid, Temporary, Permanent: the provider does not take the code, or gives no answer.
        """
        found = _GOING.fullmatch(going)
        if (
            found is None
            or not code
            or not hmac.compare_digest(_mark(found[1], "state").encode(), state.encode("utf-8", "replace"))
        ):
            raise Unproven("This browser did not ask to sign in, or long ago.", remedy="Sign in again.")
        who = self.provider.person(code, self.redirect, _mark(found[1], "verifier"), _mark(found[1], "nonce"))
        secret, now = secrets.token_urlsafe(32), self.clock.now()
        with self.sessions.write() as session:
            person = self._known(session, who, now)
            people.end_visit(session, digest_of(earlier))
            people.begin_visit(session, digest_of(secret), person.id, now, now + self.seconds)
            by = Actor(person.name, Origin.PAGE, person.id)
            audit.write(session, now, by, Deed.SIGNED_IN, f"{person.name} ({person.id})", f"with {who.issuer}")
        return Arrived(secret, _back(found[2]))

    def end(self, secret: str) -> None:
        """Sign out."""
        with self.sessions.write() as session:
            people.end_visit(session, digest_of(secret))

    def _known(self, session: Session, who: SignedIn, now: float) -> Person:
        row = people.find(session, who.issuer, who.subject)
        if row is None:
            row = Person(issuer=who.issuer, subject=who.subject, created_at=now)
            session.add(row)
        row.name, row.seen_at, row.email = who.name, now, who.email
        forge = self.forges.get(who.issuer.rstrip("/"))
        if forge is not None and who.subject.isascii() and who.subject.isdecimal() and len(who.subject) < 16:
            # GitLab's subject is the number of the account.
            row.forge, row.remote = forge, int(who.subject)
        session.flush()
        return row


def _mark(secret: str, name: str) -> str:
    return _text(hmac.digest(secret.encode(), name.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _back(text: str) -> str:
    """Where to go within this site, from the cookie; it was checked when it was written, but cookies are the browser's."""
    try:
        back = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        return "/"
    return back if _BACK.fullmatch(back) else "/"
