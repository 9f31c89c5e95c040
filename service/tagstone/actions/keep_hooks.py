"""Hooks of a group or of a whole GitLab: an admin makes them there, with an address and a token that are made here.

They speak for every registered project of their forge. A project's own hook is made when the project is registered.
"""

import base64
import secrets
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tagstone.domain.forges.registration import HookScope
from tagstone.domain.people.deed import Actor, Deed
from tagstone.errors import NotFound
from tagstone.ports import Vault
from tagstone.store import audit, hooks
from tagstone.store.tables import Hook


@dataclass(frozen=True)
class Made:
    """A hook's id, which its address ends with, and its signing token, which is told this once."""

    id: str
    signing: str = field(repr=False)


def make(session: Session, vault: Vault, now: float, forge: str, scope: HookScope, by: Actor) -> Made:
    """Write a hook down that somebody will make at a forge. Raises: Forbidden without a key for tokens of hooks."""
    made = Made(secrets.token_hex(16), new_signing_token())
    row = Hook(id=made.id, forge=forge, scope=scope, signing=vault.seal(made.signing), created_at=now)
    session.add(row)
    audit.write(session, now, by, Deed.HOOK_MADE, made.id, f"of a {scope} at {forge}")
    return made


def remove(session: Session, now: float, hook_id: str, by: Actor) -> None:
    """Take nothing from a hook any more. Raises: NotFound where there is no such hook, or it is a project's own."""
    row = hooks.named(session, [hook_id]).get(hook_id)
    if row is None or row.registration_id is not None:
        raise NotFound(
            f"There is no hook {hook_id[:100]!r} of a group or system.", remedy="`tagstone hooks list` names those there are."
        )
    session.delete(row)
    audit.write(session, now, by, Deed.HOOK_REMOVED, hook_id, f"of a {row.scope} at {row.forge}")


def new_signing_token() -> str:
    """A signing token as Standard Webhooks writes them, of 32 random bytes."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
