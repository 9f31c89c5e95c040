"""What the fake GitLab knows: people, projects, tokens, and the time.

Everywhere in this package `[doc]` stands behind what GitLab's documentation says (docs.gitlab.com), `[src]` behind what was read
in its source only, `[own]` behind what neither says and a test should not stand on.
"""

import itertools
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fakes.gitlab.repository import BareRepository

Json = dict[str, Any]
GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50


@dataclass
class Person:
    """Somebody with an account. `admin` may everything."""

    id: int
    username: str
    name: str
    email: str
    admin: bool = False


@dataclass
class Token:
    """A token of a person: `project` and `level` bind it to one project (project access tokens, job tokens)."""

    id: int
    value: str = field(repr=False)
    kind: str  # personal, project, oauth, job
    person: Person
    scopes: frozenset[str]
    project: int | None = None
    level: int | None = None
    expires_at: float | None = None
    revoked: bool = False
    name: str = "token"
    created_at: float = 0.0


@dataclass
class Hook:
    """A hook with its failures in a row; without a `project` it is a group's, or the whole system's. `until` is when a disabled one tries again."""

    id: int
    url: str
    project: int | None
    events: dict[str, bool]
    signing: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    group: str | None = None
    failures: int = 0
    until: float | None = None


@dataclass
class Release:
    """A release of a tag; links by their number."""

    tag: str
    name: str
    description: str
    created_at: float
    links: dict[int, Json] = field(default_factory=dict)


@dataclass
class Project:
    """A project: `repository` is a real one, `members` are access levels by person, `protected` levels by name or wildcard."""

    id: int
    path: str
    repository: BareRepository
    visibility: str
    created_at: float
    members: dict[int, int] = field(default_factory=dict)
    protected: dict[str, int] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    statuses: list[Json] = field(default_factory=list)
    comments: list[Json] = field(default_factory=list)
    badges: dict[int, Json] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)

    def is_protected(self, tag: str) -> bool:
        """Whether a name or wildcard protects the tag; `*` is the only wildcard [doc: protected_tags.md]."""
        return any(
            re.fullmatch(".*".join(map(re.escape, name.split("*"))), tag, re.DOTALL) is not None for name in self.protected
        )


@dataclass
class World:
    """All of it, at `url`; `offset` is what the clock was moved by, in seconds."""

    url: str = ""
    people: dict[int, Person] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    system_hooks: dict[int, Hook] = field(default_factory=dict)
    group_hooks: dict[int, Hook] = field(default_factory=dict)
    offset: float = 0.0
    lock: Any = field(default_factory=threading.RLock)
    _numbers: Any = field(default_factory=lambda: itertools.count(17))

    def number(self) -> int:
        """The next number of whatever is made."""
        return int(next(self._numbers))

    def now(self) -> float:
        """Seconds since the epoch, as this GitLab believes."""
        return time.time() + self.offset

    def find(self, which: str) -> Project | None:
        """A project by number or path, whatever the path's case [doc: rest/_index.md]."""
        if which.isdigit():
            return self.projects.get(int(which))
        return next((project for project in self.projects.values() if project.path.lower() == which.lower()), None)

    def add_token(
        self,
        kind: str,
        person: Person,
        scopes: Sequence[str],
        expires_at: float | None = None,
        *,
        project: int | None = None,
        level: int | None = None,
        name: str = "token",
    ) -> Token:
        """A new token; its beginning says what it is, as GitLab's do [doc: security/tokens]."""
        prefix = {"job": "glcbt-", "oauth": ""}.get(kind, "glpat-")
        made = Token(
            self.number(),
            prefix + secrets.token_urlsafe(20),
            kind,
            person,
            frozenset(scopes),
            project,
            level,
            expires_at,
            name=name,
            created_at=self.now(),
        )
        self.tokens.append(made)
        return made


def stamp(seconds: float) -> str:
    """A time as GitLab writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
