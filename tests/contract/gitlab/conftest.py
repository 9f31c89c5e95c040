"""A GitLab with one project, and our adapters before it.

What the fake answers comes from GitLab's documentation or source; each of its functions says from which (`fakes/gitlab/state.py`
explains the marks). Tests here stand on nothing that is marked as its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.clock import FakeClock
from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import OWNER, Person, Project
from tagstone.adapters.gitlab.announcer import GitlabAnnouncer
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.adapters.gitlab.mirror import GitlabMirror
from tagstone.adapters.gitlab.projects import GitlabProjects
from tagstone.adapters.gitlab.registrar import GitlabRegistrar
from tagstone.domain.forges.remote import RemoteProject

FILES = {"README.md": b"hello\n", "src/a.py": b"print()\n"}


@dataclass
class Scene:
    """Ada owns the private project stars/wobble; `token` is what the site asks with (None: as anybody)."""

    gitlab: FakeGitlab
    folder: Path
    ada: Person = field(init=False)
    wobble: Project = field(init=False)
    token: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.ada = self.gitlab.person("ada")
        self.wobble = self.gitlab.project("stars/wobble", FILES)
        self.gitlab.member(self.wobble, self.ada, OWNER)
        self.token = self.gitlab.personal_token(self.ada, ["api"])

    @property
    def sites(self) -> GitlabSites:
        """The settings' forges: this one, called `lab`."""
        return GitlabSites({"lab": GitlabSite(self.gitlab.url, self.token, silence=2.0)})

    @property
    def projects(self) -> GitlabProjects:
        return GitlabProjects(self.sites)

    @property
    def project(self) -> RemoteProject:
        """The project as the adapter sees it."""
        return self.projects.project("lab", self.wobble.id)

    @property
    def announcer(self) -> GitlabAnnouncer:
        return GitlabAnnouncer(self.sites)

    @property
    def registrar(self) -> GitlabRegistrar:
        return GitlabRegistrar(self.sites, FakeClock(self.gitlab.world.now()))

    @property
    def mirror(self) -> GitlabMirror:
        return GitlabMirror(self.folder / "mirrors", self.sites, self.projects)

    @property
    def location(self) -> str:
        return f"gitlab:lab/{self.wobble.id}"

    def changes(self) -> list[tuple[str, str]]:
        """All questions so far that asked for a change."""
        return [asked for asked in self.gitlab.asked if asked[0] not in ("GET", "HEAD") and ".git/" not in asked[1]]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A GitLab with a project."""
    with running_gitlab(tmp_path / "gitlab") as gitlab:
        yield Scene(gitlab, tmp_path)
