"""What was done, by whom and from where: the words of the audit log."""

from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.people.viewer import Viewer

_LONGEST = 300


class Origin(StrEnum):
    """From where somebody did something: `service` is what the service does by itself."""

    API = "api"
    PAGE = "page"
    COMMAND = "command"
    JOB = "job"
    SERVICE = "service"


class Deed(StrEnum):
    """What is written into the audit log."""

    REGISTRATION_ASKED = "registration-asked"
    REGISTRATION_REFUSED = "registration-refused"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    ROLE_GRANTED = "role-granted"
    ROLE_REVOKED = "role-revoked"
    PERSON_LINKED = "person-linked"
    SIGNED_IN = "signed-in"
    TOKEN_MADE = "token-made"  # noqa: S105 - a word of the log
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - a word of the log
    TOKEN_LENT = "token-lent"  # noqa: S105 - a word of the log
    TOKEN_ROTATED = "token-rotated"  # noqa: S105 - a word of the log
    TOKEN_LOST = "token-lost"  # noqa: S105 - a word of the log
    ACCOUNT_ADDED = "account-added"
    ACCOUNT_REPLACED = "account-replaced"
    ACCOUNT_REMOVED = "account-removed"
    ACCOUNTS_RESEALED = "accounts-resealed"
    ACCOUNT_BOUND = "account-bound"
    ACCOUNT_RELEASED = "account-released"
    HANDED_IN = "handed-in"
    HAND_IN_REFUSED = "hand-in-refused"
    DELIVERY_REPLAYED = "delivery-replayed"
    HOOK_MADE = "hook-made"
    HOOK_REMOVED = "hook-removed"
    TAG_IMPORTED = "tag-imported"
    APPROVED = "approved"
    RETRIED = "retried"
    CANCELLED = "cancelled"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Actor:
    """Who does something, and from where; `person` is their row's number, None for jobs, for users of this system and for ourselves."""

    name: str
    origin: Origin
    person: int | None = None


OURSELVES = Actor("tagstone", Origin.SERVICE)
"""The service, where it does something unasked."""


def actor(viewer: Viewer, origin: Origin) -> Actor:
    """Somebody who came in, as who does something."""
    return Actor(viewer.name[:_LONGEST], origin, viewer.person)
