"""Who asks, and what that lets them do with a project: forges say who is a member, and only two roles are our own."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Roles of our own: curators look after records and accounts, admins after people too."""

    CURATOR = "curator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token of a person may be used for; a browser in which they signed in may be used for all."""

    READ = "read"
    PUBLISH = "publish"
    APPROVE = "approve"


class Right(StrEnum):
    """What somebody may do with the publications of a project."""

    SEE = "see"
    WORK = "work"
    APPROVE = "approve"


# GitLab's levels: reporters see code and logs of private projects, developers run pipelines, maintainers release.
_LEVELS = {Right.SEE: 20, Right.WORK: 30, Right.APPROVE: 40}
_SCOPES = {Right.SEE: Scope.READ, Right.WORK: Scope.PUBLISH, Right.APPROVE: Scope.APPROVE}


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks: `person` is a row's number, `remote` their number at `forge`, None where it is not known.

    `project` is set for a CI job, which sees its own project and nothing else.
    """

    name: str = ""
    person: int | None = None
    role: Role | None = None
    forge: str | None = None
    remote: int | None = None
    scopes: frozenset[Scope] = frozenset()
    project: int | None = None

    @property
    def curates(self) -> bool:
        """True for those who may look after every project."""
        return self.role is not None


NOBODY = Viewer()
"""Somebody who did not say who they are."""


def level(right: Right) -> int:
    """The access level at the forge that a right needs."""
    return _LEVELS[right]


def permitted(viewer: Viewer, right: Right) -> bool:
    """Say whether what the viewer came with may be used for this right at all, whatever project it is."""
    return _SCOPES[right] in viewer.scopes
