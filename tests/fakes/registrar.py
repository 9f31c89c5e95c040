"""What a forge keeps of a project's hooks and protected tags, in memory; it can be told to fail after its effect."""

from dataclasses import dataclass, field

from tagstone.domain.forges.remote import RemoteProject
from tagstone.errors import TagstoneError


@dataclass
class FakeRegistrar:
    """Implements ports.Registrar. `losing` is raised once, after the next effect: its answer is lost."""

    hooks: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    protected: set[tuple[int, str]] = field(default_factory=set)
    losing: TagstoneError | None = None
    _numbers: int = 0

    def hook(self, project: RemoteProject, url: str, signing: str) -> int:
        """A hook, found by its address."""
        for number, (owner, address, _) in self.hooks.items():
            if (owner, address) == (project.number, url):
                return number
        self._numbers += 1
        self.hooks[self._numbers] = (project.number, url, signing)
        self._lose()
        return self._numbers

    def unhook(self, project: RemoteProject, number: int) -> None:
        """Remove a hook."""
        del project
        self.hooks.pop(number, None)
        self._lose()

    def protect(self, project: RemoteProject, pattern: str) -> bool:
        """Protect tags."""
        new = (project.number, pattern) not in self.protected
        self.protected.add((project.number, pattern))
        self._lose()
        return new

    def rotate(self, project: RemoteProject, token: str, days: int) -> tuple[str, float]:
        """Another token."""
        return f"{token}+", project.number + days * 86_400.0

    def _lose(self) -> None:
        if self.losing is not None:
            error, self.losing = self.losing, None
            raise error
