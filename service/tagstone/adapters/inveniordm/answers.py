"""What InvenioRDM answers, read with care: any JSON may come, and its refusals become our errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

JsonObject = dict[str, Any]
_NONE = object()
_MESSAGES = 10
_LENGTH = 300
_CLASSIFIED = ("spam", "account has been blocked")
_WRONG = (Invalid, "The depository refuses it", "Correct what it names, and publish again.")
_DENIED = (
    Forbidden,
    "The depository does not permit it",
    "Check the account's token: it may be revoked, have run out, or be of somebody else. Then `tagstone retry`.",
)
_MISSING = (NotFound, "The depository does not have it", "Look at the deposit there.")
_BUSY = (Conflict, "Somebody else is changing it", "Look at the deposit there, then `tagstone retry`.")
_LARGE = (
    Invalid,
    "It is too large for the depository",
    "Leave the image or large outputs out of the deposit, or ask the depository for more space.",
)
_REFUSALS: dict[int, tuple[type[TagstoneError], str, str]] = {
    400: _WRONG,
    401: _DENIED,
    403: _DENIED,
    404: _MISSING,
    409: _BUSY,
    410: _MISSING,
    412: _BUSY,
    413: _LARGE,
    415: _WRONG,
    422: _WRONG,
}


@dataclass(frozen=True)
class Answer:
    """An answer that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> JsonObject:
        """Its JSON object. Raises: Temporary when it is cut off or no JSON, Permanent when it is something else."""
        document = self._json()
        if document is _NONE:
            raise Temporary("The depository's answer is no JSON.")
        if not isinstance(document, dict):
            raise strange("its answer is no JSON object")
        return document

    def faults(self) -> tuple[str, ...]:
        """What it says is wrong, in clean short sentences: the message alone, or one sentence for each field."""
        document = self._json()
        if not isinstance(document, dict):
            return ()
        return field_faults(document) or tuple(filter(None, [clean(document.get("message"))]))

    def _json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return _NONE


def field_faults(document: JsonObject) -> tuple[str, ...]:
    """The `errors` list of an answer, which even a 200 may have: what is wrong with which field."""
    errors = document.get("errors")
    found = []
    for error in errors if isinstance(errors, list) else [errors] if errors else []:
        if not isinstance(error, dict):
            found.append(clean(error))
            continue
        messages = error.get("messages", error.get("message"))
        text = "; ".join(clean(message) for message in (messages if isinstance(messages, list) else [messages])[:_MESSAGES])
        found.append(clean(": ".join(filter(None, [clean(error.get("field")), text]))))
    return tuple(filter(None, found))[:_MESSAGES]


def part(document: JsonObject, *names: str) -> JsonObject:
    """The object at a path of names; an empty one where there is none."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def word(document: JsonObject, name: str) -> str | None:
    """The text under a name, if it is text and not empty."""
    found = document.get(name)
    return found if isinstance(found, str) and found else None


def objects(document: JsonObject, name: str) -> list[JsonObject]:
    """The objects of the list under a name; whatever else is in it is left out."""
    found = document.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def clean(said: object) -> str:
    """A server's words in one short printable line."""
    text = said if isinstance(said, str) else "" if said is None else json.dumps(said, default=str)
    line = " ".join("".join(character if character.isprintable() else " " for character in text[: 4 * _LENGTH]).split())
    return line if len(line) <= _LENGTH else line[: _LENGTH - 1] + "…"


def strange(why: str) -> Permanent:
    """The error for a server that does not speak as InvenioRDM does."""
    return Permanent(f"The depository does not answer as InvenioRDM: {why}.", remedy="Check the depository's address.")


class Question(Enum):
    """What was asked: to look; for a change that may be asked for again; for one that must not be without a look."""

    LOOK = "look"
    CHANGE = "change"
    ONCE = "once"


def refusal(answer: Answer, question: Question) -> TagstoneError:
    """Our error for an answer that is none of those hoped for; 429 is the gate's."""
    status, faults = answer.status, answer.faults()
    said = f": {'; '.join(faults)}" if faults else "."
    if any(mark in said.lower() for mark in _CLASSIFIED):
        return Permanent(
            f"The depository holds the account for a spammer's{said}",
            remedy="A person must speak to the depository's support; then `tagstone retry`.",
        )
    if status >= 500:
        return _trouble(status, question)(f"The depository is in trouble ({status}){said}")
    if status not in _REFUSALS:
        return strange(f"it answers {status}{said}")
    kind, words, remedy = _REFUSALS[status]
    error = kind(f"{words}{said}", remedy=remedy)
    if isinstance(error, Invalid):
        error.faults = faults
    return error


def _trouble(status: int, question: Question) -> type[Temporary]:
    """A server that cannot even be looked at is away, and so is one behind a gateway that says so.

    A 500 for a change may be for ever. Of what must not be asked twice nobody knows whether it happened.
    """
    if question is Question.LOOK:
        return Away
    gateway = status in (502, 503, 504) or status >= 520
    return Away if gateway and question is Question.CHANGE else Temporary
