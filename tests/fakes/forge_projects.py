"""What forges say of projects, in memory: who is a member, which tags there are; it can be told to fail."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tagstone.domain.forges.remote import RemoteProject, RemoteTag
from tagstone.errors import NotFound, TagstoneError


@dataclass
class FakeForgeProjects:
    """Implements ports.ForgeProjects. `asked` counts what was asked, by method; `trouble` is raised instead of an answer."""

    projects: dict[int, RemoteProject] = field(default_factory=dict)
    tagged: dict[tuple[int, str], RemoteTag] = field(default_factory=dict)
    branches: dict[tuple[int, str], str] = field(default_factory=dict)
    levels: dict[tuple[int, int], int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    trouble: TagstoneError | None = None

    def add(self, number: int, path: str, *, public: bool = False) -> RemoteProject:
        """A project; one that is there is changed."""
        self.projects[number] = RemoteProject("gitlab", number, path, f"https://gitlab.test/{path}", public)
        return self.projects[number]

    def project(self, forge: str, which: int | str) -> RemoteProject:
        self._ask("project")
        for one in self.projects.values():
            if forge == "gitlab" and which in (one.number, one.path):
                return one
        raise NotFound(f"There is no project {which}.", remedy="Look again.")

    def tag(self, project: RemoteProject, name: str) -> RemoteTag | None:
        self._ask("tag")
        return self.tagged.get((project.number, name))

    def branch(self, project: RemoteProject, name: str) -> str | None:
        self._ask("branch")
        return self.branches.get((project.number, name))

    def tags(self, project: RemoteProject) -> Iterator[RemoteTag]:
        self._ask("tags")
        found = [tag for (number, _), tag in self.tagged.items() if number == project.number]
        return iter(sorted(found, key=lambda tag: -tag.made_at))

    def level(self, project: RemoteProject, person: int) -> int:
        self._ask("level")
        return self.levels.get((project.number, person), 0)

    def _ask(self, method: str) -> None:
        self.asked.append(method)
        if self.trouble is not None:
            raise self.trouble
