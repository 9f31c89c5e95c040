"""One tag of one project on its way to a DOI: its identity, its steps in order, and the states it may be in."""

import hashlib
from enum import StrEnum


class Kind(StrEnum):
    """A publication ends with an identifier; a rehearsal is the same chain without one."""

    PUBLICATION = "publication"
    REHEARSAL = "rehearsal"


class Step(StrEnum):
    """The steps in their order; a rehearsal leaves out those that touch a depository."""

    RESOLVE = "resolve"
    BUILD = "build"
    RESERVE = "reserve"
    RUN = "run"
    COLLECT = "collect"
    BUNDLE = "bundle"
    UPLOAD = "upload"
    RELEASE = "release"
    CONFIRM = "confirm"


class State(StrEnum):
    """Where a publication stands; the last four are final unless it is retried."""

    QUEUED = "queued"
    WORKING = "working"
    PUBLISHED = "published"
    REHEARSED = "rehearsed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def active(self) -> bool:
        """True while a worker has it or will have it."""
        return self in (State.QUEUED, State.WORKING)

    @property
    def done(self) -> bool:
        """True when it ended well."""
        return self in (State.PUBLISHED, State.REHEARSED)


_DEPOSITING = (Step.RESERVE, Step.UPLOAD, Step.RELEASE, Step.CONFIRM)


def steps(kind: Kind) -> tuple[Step, ...]:
    """The steps of a publication of this kind, in order."""
    return tuple(step for step in Step if kind is Kind.PUBLICATION or step not in _DEPOSITING)


def publication_id(kind: Kind, project_key: str, ref: str, commit: str) -> str:
    """A publication's identifier: equal for equal project, tag and commit, so that asking twice finds the same one.

    It is 16 characters of lower-case hexadecimal behind `p` or `r`: fit for file names, labels and container names.
    """
    text = f"{kind}\0{project_key}\0{ref}\0{commit}"
    return kind[0] + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
