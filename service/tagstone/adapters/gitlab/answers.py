"""What GitLab answers, read with care: any JSON may come, and its refusals become our errors."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

JsonObject = dict[str, Any]
_LENGTH = 300
_LONGEST_WAIT = 3600
_USUAL_WAIT = 60
_REFUSALS: dict[int, tuple[type[TagstoneError], str, str]] = {
    400: (Invalid, "GitLab refuses it", "Correct what it names."),
    401: (Forbidden, "GitLab does not accept the token", "It may be revoked or have run out: set a new one."),
    403: (Forbidden, "GitLab does not permit it", "Look at the token's scopes, and at its role in the project."),
    404: (NotFound, "GitLab does not have it", "It may be gone, or the token may not see it."),
    405: (Invalid, "GitLab does not do that", "Look at the project there."),
    409: (Conflict, "GitLab has it already", "Look at the project there."),
    410: (NotFound, "GitLab does not have it any more", "Look at the project there."),
    413: (Invalid, "It is too large for GitLab", "Shorten it."),
    422: (Invalid, "GitLab refuses it", "Correct what it names."),
}


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, look: bool) -> TagstoneError:
    """Our error for an answer that is no success; a server in trouble is away, but nobody knows what a 500 did to a change."""
    if status == 429:
        after = headers.get("Retry-After", "")
        delay = int(after) if after.isascii() and after.isdecimal() and len(after) < 9 else _USUAL_WAIT
        return Away("GitLab asks for patience.", delay=float(min(max(delay, 1), _LONGEST_WAIT)))
    said = _said(body)
    if status >= 500:
        kind = Temporary if status == 500 and not look else Away
        return kind(f"GitLab is in trouble ({status}){said}")
    if status not in _REFUSALS:
        return strange(f"it answers {status}{said}")
    refused, words, remedy = _REFUSALS[status]
    return refused(f"{words}{said}", remedy=remedy)


def strange(why: str) -> Permanent:
    """The error for a server that does not speak as GitLab does."""
    return Permanent(
        f"The server does not answer as GitLab: {why.rstrip('.')}.", remedy="Check the forge's address in the settings."
    )


def word(document: Mapping[str, Any], name: str) -> str:
    """The text under a name. Raises: Permanent where there is none."""
    found = document.get(name)
    if not isinstance(found, str) or not found:
        raise strange(f"its answer has no {name}")
    return found


def number(document: Mapping[str, Any], name: str) -> int:
    """The whole number under a name, not below 0. Raises: Permanent where there is none."""
    found = document.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**53:
        raise strange(f"its answer has no {name}")
    return found


def part(document: Mapping[str, Any], name: str) -> JsonObject:
    """The object under a name; an empty one where there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def moment(text: object) -> float | None:
    """A time as GitLab writes it, in seconds since the epoch (UTC); None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _said(body: bytes) -> str:
    """GitLab's own reason as the end of a sentence: `message`, else `error_description` or `error`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "."
    names = ("message", "error_description", "error")
    found = next((document[name] for name in names if document.get(name)), None) if isinstance(document, dict) else None
    text = found if isinstance(found, str) else "" if found is None else json.dumps(found, default=str)
    line = " ".join("".join(character if character.isprintable() else " " for character in text[: 4 * _LENGTH]).split())
    return f": {line[:_LENGTH].rstrip('.')}." if line else "."
