"""One tag of one project on its way to a DOI: its identity, its steps in order, and the states it may be in."""

import hashlib
from enum import StrEnum


class Kind(StrEnum):
    """A publication ends with an identifier; a rehearsal is the same chain without one, or with one that is registered nowhere."""

    PUBLICATION = "publication"
    REHEARSAL = "rehearsal"


class Step(StrEnum):
    """The steps in their order; what a rehearsal leaves out `steps` says."""

    RESOLVE = "resolve"
    BUILD = "build"
    RESERVE = "reserve"
    RUN = "run"
    COLLECT = "collect"
    BUNDLE = "bundle"
    UPLOAD = "upload"
    REVIEW = "review"
    RELEASE = "release"
    CONFIRM = "confirm"


class State(StrEnum):
    """Where a publication stands; those from `published` on are final unless it is retried."""

    QUEUED = "queued"
    WORKING = "working"
    PUBLISHED = "published"
    REHEARSED = "rehearsed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"

    @property
    def active(self) -> bool:
        """True while a worker has it or will have it."""
        return self in (State.QUEUED, State.WORKING)

    @property
    def done(self) -> bool:
        """True when it ended well."""
        return self in (State.PUBLISHED, State.REHEARSED)


_DEPOSITING = (Step.RESERVE, Step.UPLOAD, Step.REVIEW, Step.RELEASE, Step.CONFIRM)


def steps(kind: Kind, *, deposits: bool = False) -> tuple[Step, ...]:
    """The steps of a publication of this kind, in order.

    A rehearsal leaves out those that touch a depository, or where it `deposits` all the same, only the wait for a person.
    """
    if kind is Kind.PUBLICATION:
        return tuple(Step)
    left_out = (Step.REVIEW,) if deposits else _DEPOSITING
    return tuple(step for step in Step if step not in left_out)


def publication_id(kind: Kind, project_key: str, ref: str, commit: str) -> str:
    """A publication's identifier: equal for equal project, tag and commit, so that asking twice finds the same one.

    It is 16 characters of lower-case hexadecimal behind `p` or `r`: fit for file names, labels and container names.
    """
    return kind[0] + _digest(f"{kind}\0{project_key}\0{ref}\0{commit}")


def reservation_id(project_key: str, ref: str) -> str:
    """The identifier of a DOI that is reserved before its tag exists: equal for equal project and tag."""
    return "d" + _digest(f"{project_key}\0{ref}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
