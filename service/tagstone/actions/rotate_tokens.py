"""Rotate the access tokens that projects lend, before they expire: the one change at a forge that cannot be looked up.

That it begins is written down before. Where nobody knows how it ended, the old token tells: while it is good nothing happened; when it
is not, the new one is lost, and a maintainer has to lend another. It is never rotated twice, which would revoke its successors.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tagstone.domain.credentials.credential import DAY, Sight
from tagstone.domain.people.deed import OURSELVES, Deed
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, TagstoneError
from tagstone.ports import Clock, ForgeProjects, Registrar, Vault
from tagstone.store import audit, registrations
from tagstone.store.session import Sessions
from tagstone.store.tables import Registration

BEFORE = 10
"""How many days before its end a token is rotated."""

_LIVES = (364, 90, 30)  # days; sites may allow less than GitLab itself
_REFUSED = (Invalid, Forbidden, NotFound, Conflict)


@dataclass(frozen=True)
class RotateTokens:
    """Rotates what registered projects lent; `look` asks a forge what a token is worth there."""

    sessions: Sessions
    vault: Vault
    projects: ForgeProjects
    registrar: Registrar
    look: Callable[[str, str], Sight]
    clock: Clock

    def make_round(self, tell: Callable[[str, str], None]) -> None:
        """Rotate what ends soon; trouble with one project keeps no other waiting. `tell` logs a project's path and what happened."""
        with self.sessions.read() as session:
            lent = registrations.lending(session)
        for row in lent:
            try:
                self._look_after(row, tell)
            except TagstoneError as error:
                tell(row.path, error.message)

    def _look_after(self, row: Registration, tell: Callable[[str, str], None]) -> None:
        token = self.vault.unseal(row.token or "")
        if row.rotating_at is not None and not self._is_as_it_was(row, token):
            tell(row.path, "its access token was rotated, and the new one is lost: a maintainer has to lend another")
            return
        if row.token_expires_at is None:
            self._keep(row, expires=self.look(row.forge, token).expires_at)
        if row.rotates and row.token_expires_at is not None and row.token_expires_at - self.clock.now() < BEFORE * DAY:
            self._rotate(row, token)
            tell(row.path, "its access token was rotated")

    def _is_as_it_was(self, row: Registration, token: str) -> bool:
        """Whether a rotation that nobody knows the end of did not happen. Raises: Temporary while the forge says nothing."""
        try:
            self.look(row.forge, token)
        except Forbidden:
            with self.sessions.write() as session:
                kept = session.get_one(Registration, row.id)
                kept.token = kept.token_expires_at = kept.rotating_at = None
                audit.write(session, self.clock.now(), OURSELVES, Deed.TOKEN_LOST, row.path, "while it was rotated")
            return False
        self._keep(row, expires=row.token_expires_at)
        return True

    def _rotate(self, row: Registration, token: str) -> None:
        project = self.projects.project(row.forge, row.remote)
        for days in _LIVES:
            with self.sessions.write() as session:
                session.get_one(Registration, row.id).rotating_at = self.clock.now()
            try:
                new, expires = self.registrar.rotate(project, token, days)
                break
            except _REFUSED as error:
                # What was refused has not happened.
                self._keep(row, expires=row.token_expires_at)
                if not isinstance(error, Invalid) or days == _LIVES[-1]:
                    raise
        with self.sessions.write() as session:
            kept, now = session.get_one(Registration, row.id), self.clock.now()
            if kept.token == row.token:  # else somebody lent another one meanwhile
                kept.token, kept.token_expires_at = self.vault.seal(new), expires
            kept.rotating_at = None
            audit.write(session, now, OURSELVES, Deed.TOKEN_ROTATED, row.path, f"good for {(expires - now) / DAY:.0f} days")

    def _keep(self, row: Registration, *, expires: float | None) -> None:
        """Write down that the token is the one that it was."""
        row.token_expires_at = expires
        with self.sessions.write() as session:
            kept = session.get_one(Registration, row.id)
            kept.token_expires_at, kept.rotating_at = expires, None
