"""Look at credentials: what each is worth at its server, and whom to warn before one ends. Never is one of them told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from tagstone.domain.credentials.credential import Credential, Known, Sight, due
from tagstone.errors import TagstoneError, Temporary
from tagstone.ports import Clock
from tagstone.store import credentials, notices, people
from tagstone.store.session import Sessions
from tagstone.store.tables import CredentialRow


@dataclass(frozen=True)
class LookAtCredentials:
    """Looks at what `held` lists; `addresses` are warned, else those of admins, else `contact`. `site` is what letters call this site."""

    sessions: Sessions
    clock: Clock
    held: Callable[[], Sequence[Credential]]
    site: str
    addresses: tuple[str, ...] = ()
    contact: str | None = None

    def listing(self) -> list[Known]:
        """Every credential, with what is known of it since it was looked at last."""
        held = self.held()
        with self.sessions.read() as session:
            rows = credentials.known(session)
        return [_known(one, rows.get(one.name)) for one in held]

    def look(self, credential: Credential) -> Known:
        """Ask its server about a credential now, and remember what it says. Raises: Temporary when it gives no answer."""
        if credential.look is None:
            with self.sessions.read() as session:
                return _known(credential, credentials.known(session).get(credential.name))
        sight, fault = _seen(credential.look)
        with self.sessions.write() as session:
            row = credentials.looked_at(session, credential.name, self.clock.now(), sight, fault)
        return _known(credential, row)

    def make_round(self, every: float, tell: Callable[[str, str], None]) -> None:
        """Look at each credential that was not looked at for `every` seconds, and warn of those that end soon or are no good.

        `tell` logs the name of a credential and what is the matter with it.
        """
        held, now = self.held(), self.clock.now()
        with self.sessions.write() as session:
            credentials.forget_others(session, {one.name for one in held})
            rows = dict(credentials.known(session))
        for one in held:
            row = rows.get(one.name)
            if row is not None and row.looked_at is not None and now - row.looked_at < every:
                continue
            try:
                sight, fault = _seen(one.look) if one.look is not None else (None, None)
            except Temporary as error:
                tell(one.name, f"could not be looked at: {error.message}")
                continue
            self._remember(one, sight, fault, tell)

    def _remember(self, one: Credential, sight: Sight | None, fault: str | None, tell: Callable[[str, str], None]) -> None:
        now = self.clock.now()
        with self.sessions.write() as session:
            before = credentials.known(session).get(one.name)
            was_good = before is None or before.fault is None
            row = credentials.looked_at(session, one.name, now, sight, fault)
            days = due(_end(one, row), now, row.warned, one.warn)
            if fault is not None and was_good:
                self._owe(session, one, fault, "is no good")
                tell(one.name, fault)
            elif days is not None:
                told = f"ends on {_day(_end(one, row))}" if days else f"ended on {_day(_end(one, row))}"
                self._owe(session, one, f"It {told}.", told)
                tell(one.name, told)
            if days is not None:
                row.warned = days

    def _owe(self, session: Session, one: Credential, what: str, told: str) -> None:
        """Owe the admins a letter, in the transaction that writes down that they were warned."""
        for address in self.addresses or people.admins_addresses(session) or ([self.contact] if self.contact else []):
            text = (
                f"A credential of {self.site} needs somebody to look at it: {one.name}.\n\n{what}\n\nWhat it is for: {one.scope}.\n"
                f"Where it is: {one.place}.\n\nMake a new one there, and put it in its place; `tagstone doctor` tests it.\n"
            )
            notices.owe(session, address, f"{self.site}: {one.name} {told}", text, self.clock.now())


def _seen(look: Callable[[], Sight]) -> tuple[Sight | None, str | None]:
    """What a server said, and what is wrong. Raises: Temporary when it gives no answer."""
    try:
        sight = look()
    except Temporary:
        raise
    except TagstoneError as error:
        return None, error.message
    return sight, f"It lacks {', '.join(sight.lacks)}." if sight.lacks else None


def _end(one: Credential, row: CredentialRow | None) -> float | None:
    return one.expires_at if row is None or row.expires_at is None else row.expires_at


def _known(one: Credential, row: CredentialRow | None) -> Known:
    if row is None:
        return Known(one, one.expires_at, one.used_at, None, "", None)
    used = [at for at in (one.used_at, row.used_at) if at is not None]
    return Known(one, _end(one, row), max(used, default=None), row.looked_at, row.may, row.fault)


def _day(seconds: float | None) -> str:
    return f"{datetime.fromtimestamp(seconds or 0.0, UTC):%Y-%m-%d}"
