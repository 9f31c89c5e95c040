"""The one table from our errors to HTTP."""

from tagstone.actions.access import Withdrawn
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, TagstoneError, Temporary, Unproven

# The first that fits counts, so a narrower one stands before the wider.
_STATUS: dict[type[TagstoneError], int] = {
    Withdrawn: 410,
    NotFound: 404,
    Unproven: 401,
    Forbidden: 403,
    Conflict: 409,
    Invalid: 422,
    Temporary: 503,
}


def status_of(error: TagstoneError) -> int:
    """The HTTP status that says what kind of error it is; 500 for those that are nobody's fault but ours."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def headers_of(error: TagstoneError) -> dict[str, str]:
    """The headers that belong to an error's status: when to come back, and how to prove who one is."""
    if isinstance(error, Temporary):
        return {"Retry-After": str(max(1, round(error.delay)))}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unproven) else {}
