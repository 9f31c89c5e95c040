"""Letters to the people who set tags: to whom they may go, and what they say."""

import re
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 254
_NAME = r"[A-Za-z0-9_+][A-Za-z0-9_+=~^-]*(?:\.[A-Za-z0-9_+=~^-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_NAME}@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}")
_NOBODY = re.compile(r"no-?reply[^@]*@|[@.]no-?reply\.")
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)
_LONGEST_QUOTED = 2000


class Event(StrEnum):
    """What a letter tells of."""

    REVIEW = "review"
    CURATORS = "curators"
    FAILED = "failed"
    PUBLISHED = "published"
    DRIFT = "drift"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Subject:
    """What a letter is about, as it stands when the letter is written; `page` is its page, `draft` the preview of its draft."""

    publication: str
    project: str
    ref: str
    page: str
    title: str = ""
    doi: str = ""
    registered: bool = False
    draft: str = ""
    error: str = ""
    remedy: str = ""
    drift: str = ""
    reason: str = ""


def address(text: str) -> str | None:
    """The e-mail address that `text` is, if it is a plain one; anything else, such as a list of them, is none.

    Only ASCII letters, digits and a few signs count (RFC 5322's dot-atom without what shells, headers and lists give a meaning);
    addresses that say of themselves that nobody reads them are none.
    """
    name = text.partition("@")[0]
    if len(text) > _LONGEST or len(name) > 64 or not _ADDRESS.fullmatch(text) or _NOBODY.search(text.lower()):
        return None
    return text


def write(event: Event, about: Subject) -> tuple[str, str]:
    """Subject and text of the letter that tells of `event`. What others wrote is quoted on one line each, without control characters."""
    name = f"{line(about.project)} {line(about.ref)}"
    head, *body = _TEXTS[event](about)
    text = "\n\n".join([f"{head}", *(part for part in body if part), f"Its page: {about.page}", _WHY.format(name=name)])
    return f"{name}: {_SUBJECTS[event]}", text + "\n"


_WHY = "-- \nYou are told because your address stands in the tag or commit of {name}."
_SUBJECTS = {
    Event.REVIEW: "waits for approval",
    Event.CURATORS: "waits for the curators of a community",
    Event.FAILED: "could not be published",
    Event.PUBLISHED: "is published",
    Event.DRIFT: "the deposit differs from what was sent",
    Event.WITHDRAWN: "was withdrawn",
}


def _review(about: Subject) -> list[str]:
    preview = f"Preview of the draft: {about.draft}" if about.draft else ""
    return [
        f"{_name(about)} is ready, and waits for a person: an identifier is for ever.",
        preview,
        f"Look at it and release it with\n\n    tagstone approve {about.publication}",
        f"or give it up with\n\n    tagstone cancel {about.publication}",
    ]


def _curators(about: Subject) -> list[str]:
    preview = f"The draft: {about.draft}" if about.draft else ""
    return [f"{_name(about)} was handed to the curators of a community, who publish or decline it.", preview]


def _failed(about: Subject) -> list[str]:
    preview = f"Preview of the draft: {about.draft}" if about.draft else ""
    remedy = f"What to do: {line(about.remedy)}" if about.remedy else ""
    return [f"{_name(about)} could not be published:", quoted(about.error), remedy, preview]


def _published(about: Subject) -> list[str]:
    if not about.doi:
        return [f"{_name(about)} is published."]
    if not about.registered:
        return [f"{_name(about)} is published under the test identifier {line(about.doi)}, which is not registered."]
    cite = f"`tagstone cite {about.publication}` writes the citation."
    late = "A new DOI may take some hours before it resolves."
    return [f"{_name(about)} is published under its DOI:", f"    https://doi.org/{line(about.doi)}", cite, late]


def _drift(about: Subject) -> list[str]:
    return [
        f"What the depository holds of {_name(about)} is not what was sent:",
        quoted(about.drift),
        f"If nobody changed the record on purpose, tell the depository. `tagstone verify {about.publication}` looks again.",
    ]


def _withdrawn(about: Subject) -> list[str]:
    later = "A new version can be published at any time, with a new tag."
    return [f"{_name(about)} was withdrawn. The reason that was given:", quoted(about.reason), later]


_TEXTS = {
    Event.REVIEW: _review,
    Event.CURATORS: _curators,
    Event.FAILED: _failed,
    Event.PUBLISHED: _published,
    Event.DRIFT: _drift,
    Event.WITHDRAWN: _withdrawn,
}


def _name(about: Subject) -> str:
    title = f" ({line(about.title)})" if about.title else ""
    return f"{line(about.project)} {line(about.ref)}{title}"


def quoted(text: str) -> str:
    """What others wrote, line by line behind a mark."""
    return "\n".join(f"> {line(one)}" for one in text[:_LONGEST_QUOTED].splitlines() if one.strip())


def line(text: str) -> str:
    """One line without what could end it, hide in it or turn it round."""
    return " ".join(_UNPRINTABLE.sub(" ", text[:_LONGEST_QUOTED]).split())
