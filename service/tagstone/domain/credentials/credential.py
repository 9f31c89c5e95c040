"""A credential as it is listed: what it is for, where it is, until when it is good; never the credential itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

DAY = 86_400.0
WARNED = (30, 7, 1, 0)
"""For how many days before its end somebody is warned of a credential; 0: it has ended."""


@dataclass(frozen=True)
class Sight:
    """What a server says of a credential: what it `may`, what it `lacks` for what it is used for, and its end (seconds since the epoch).

    `expires_at` None: the server does not say, or it has no end.
    """

    may: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    expires_at: float | None = None


@dataclass(frozen=True)
class Credential:
    """One credential: `name` stays, `scope` says what it lets do, `place` where it is kept.

    `expires_at` is its end as far as it is known here, `used_at` when it was used last, both seconds since the epoch. `look` asks
    its server about it, None where there is nobody to ask. `warn` is for how many days before its end admins are warned first, None:
    never, such as of people's own tokens.
    """

    name: str
    scope: str
    place: str
    expires_at: float | None = None
    used_at: float | None = None
    look: Callable[[], Sight] | None = None
    warn: int | None = WARNED[0]


@dataclass(frozen=True)
class Known:
    """A credential with what was found when it was looked at last: `fault` says what is wrong with it."""

    credential: Credential
    expires_at: float | None
    used_at: float | None
    looked_at: float | None
    may: str
    fault: str | None


def due(expires_at: float | None, now: float, warned: int | None, warn: int | None = WARNED[0]) -> int | None:
    """For how many days (of `WARNED`, `warn` at most) somebody has to be warned now; None: not yet, or it was done (`warned`)."""
    if expires_at is None or warn is None:
        return None
    days = (expires_at - now) / DAY
    reached = [limit for limit in WARNED if days <= limit <= warn]
    if not reached:
        return None
    nearest = min(reached)
    return nearest if warned is None or nearest < warned else None


def lacking(has: Sequence[str], wants: Sequence[str], enough: str) -> tuple[str, ...]:
    """What of `wants` is missing in `has`; `enough` is what lets do everything."""
    return () if enough in has else tuple(one for one in wants if one not in has)
