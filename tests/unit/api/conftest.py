"""An installation with a private and a public project, people, and a client of the API."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fakes.installation import NOW, Installation
from fakes.job import Pipelines
from tagstone.actions.access import Access
from tagstone.actions.recognise import digest_of
from tagstone.api.app import create_api
from tagstone.domain.people.viewer import Role, Scope
from tagstone.edges.entrance import Entrance
from tagstone.errors import Unproven
from tagstone.store import people
from tagstone.store.tables import Person, Project, Publication

URL = "https://tagstone.example.org"
ALL = frozenset(Scope)


@dataclass
class World:
    """A site with projects at a GitLab: 17 is private, 18 is public. Tokens of jobs are their claims by name, in `jobs`."""

    installation: Installation
    pipelines: Pipelines
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    single: bool = False
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = TestClient(self.app(), raise_server_exceptions=False, base_url=URL)

    @property
    def entrance(self) -> Entrance:
        """Recognises who asks."""
        clock = self.installation.clock
        access = Access(clock, self.pipelines.forges, single=self.single)
        return Entrance(self.installation.sessions, clock, access, URL, self._verify)

    def app(self) -> Any:
        """The API alone."""
        pipelines = self.pipelines
        return create_api(self.entrance, pipelines.queue, self.installation.storage, pipelines.intake, pipelines.requests, URL)

    def _verify(self, token: str) -> tuple[str, Mapping[str, Any]]:
        if token not in self.jobs:
            raise Unproven("The token's signature is wrong.", remedy="Use another.")
        return "gitlab", self.jobs[token]

    def person(
        self, name: str, remote: int | None = None, role: Role | None = None, levels: Mapping[int, int] | None = None
    ) -> int:
        """Somebody who signed in before, with levels in projects; their number."""
        row = Person(
            issuer="https://gitlab.test", subject=name, name=name, remote=remote, role=role, created_at=NOW, seen_at=NOW
        )
        row.forge = "gitlab" if remote is not None else None
        for project, level in (levels or {}).items():
            assert remote is not None
            self.pipelines.forges.levels[project, remote] = level
        with self.installation.sessions.write() as session:
            session.add(row)
            session.flush()
            return row.id

    def token(self, person: int, scopes: frozenset[Scope] = ALL, ends: float = NOW + 86_400) -> str:
        """A token of somebody."""
        text = "tagstone_" + secrets.token_urlsafe(32)
        with self.installation.sessions.write() as session:
            people.add_token(session, person, digest_of(text), "mine", scopes, NOW, ends)
        return text

    def publication(self, remote: int | None = 17, **columns: Any) -> str:
        """A publication of a registered project, or of a local one; at work unless `state` says otherwise."""
        columns = {"state": "working", "step": "run", "finished_at": None} | columns
        made = self.installation.publication(**{"id": "p" + secrets.token_hex(8), **columns})
        if remote is not None:
            key = self.pipelines.identity(remote).key
            with self.installation.sessions.write() as session:
                row = session.get_one(Publication, made)
                row.project_id = next(one.id for one in session.query(Project) if one.key == key)
        return made

    def get(self, path: str, token: str | None = None, **given: Any) -> Any:
        """Ask the API."""
        return self.client.get(path, headers=self._headers(token), **given)

    def post(self, path: str, token: str | None = None, document: Any = None) -> Any:
        """Ask the API to do something."""
        return self.client.post(path, headers=self._headers(token), json=document)

    def _headers(self, token: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"} if token else {}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    installation = Installation(tmp_path)
    pipelines = Pipelines(installation)
    pipelines.register(17, "stars/wobble")
    pipelines.register(18, "stars/timing", public=True)
    yield World(installation, pipelines)
    installation.close()
