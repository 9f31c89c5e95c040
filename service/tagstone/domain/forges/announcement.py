"""What is announced of a publication at its forge, and in which words. What others wrote can neither leave its place nor do anything there.

Comments are Markdown, in which names are called and lines with a slash are commands (https://docs.gitlab.com/user/project/quick_actions/).
"""

import re
from dataclasses import dataclass

from tagstone.domain.forges.dotenv import is_plain
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import State, Step

COMMENTED = (Event.REVIEW, Event.FAILED, Event.PUBLISHED)
"""What the person who pushed the tag is told in a comment on its commit."""

_LONGEST = 2000
_LINES = 20
_PERSON = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_UNPRINTABLE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


@dataclass(frozen=True)
class Standing:
    """How a publication stands when it is announced; `page` is its page, `person` the forge's name of who pushed the tag.

    `registered` says whether its DOI resolves everywhere, `rests` whether it waits for a person's approval.
    """

    ref: str
    page: str
    state: State
    step: Step | None = None
    rests: bool = False
    doi: str = ""
    registered: bool = False
    error: str = ""
    remedy: str = ""
    person: str = ""


def status(about: Standing) -> tuple[str, str]:
    """A commit's status: GitLab's word for the state, and a line of text."""
    at = f"{about.step}" if about.step else "its beginning"
    if about.state is State.QUEUED:
        return "pending", "Waits for a worker"
    if about.state is State.WORKING:
        return "running", "Waits for approval" if about.rests else f"At work; seen last at {at}"
    if about.state in (State.PUBLISHED, State.REHEARSED):
        return "success", f"Published as {_line(about.doi)}" if about.doi else "Published"
    if about.state is State.FAILED:
        return "failed", f"Failed at {at}: {_line(about.error.partition(chr(10))[0])}"
    if about.state is State.WITHDRAWN:
        return "success", "Published, and withdrawn later"
    return "canceled", "Another attempt took its place" if about.state is State.SUPERSEDED else "Cancelled"


def comment(event: Event, about: Standing) -> str:
    """The comment that tells of `event`; it begins with the person, whom the forge tells of it."""
    person = f"@{about.person}: " if _PERSON.fullmatch(about.person) else ""
    head, *more = _COMMENTS[event](about)
    parts = [f"{person}{_code(about.ref)} {head}", *more, f"[Its page]({about.page})" if is_plain(about.page) else ""]
    return "\n\n".join(part for part in parts if part)


def _failed(about: Standing) -> list[str]:
    remedy = f"What to do: {_code(about.remedy)}" if about.remedy else ""
    return ["could not be published:", _block(about.error), remedy]


def _review(_: Standing) -> list[str]:
    return ["is ready, and waits for approval: an identifier is for ever. A maintainer looks at its draft, and approves it."]


def _published(about: Standing) -> list[str]:
    if not about.doi or not is_plain(about.doi):
        return ["is published."]
    if not about.registered:
        return [f"is published under the test identifier {_code(about.doi)}, which is not registered."]
    return [f"is published: [{about.doi}](https://doi.org/{about.doi}). A new DOI may take some hours before it resolves."]


_COMMENTS = {Event.FAILED: _failed, Event.REVIEW: _review, Event.PUBLISHED: _published}


def _code(text: str) -> str:
    """A line in which nothing means anything: a span of code that ends where we end it."""
    line = _line(text) or "?"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"{fence}{line}{fence}"


def _block(text: str) -> str:
    """Lines in which nothing means anything; each is indented, since a slash at the beginning of one could be a command."""
    lines = [_line(line) for line in text[:_LONGEST].splitlines() if line.strip()][:_LINES]
    fence = "`" * (1 + max([2, *(len(run) for line in lines for run in re.findall("`+", line))]))
    return "\n".join([f"{fence}text", *(f"  {line}" for line in lines), fence])


def _line(text: str) -> str:
    """One line without what could hide in it, turn it round, or be taken for a mark of ours."""
    return " ".join(_UNPRINTABLE.sub(" ", text[:_LONGEST]).split()).replace("<!--", "<! --")
