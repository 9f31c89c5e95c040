"""Projects and tags as a forge names them, and what is announced there."""

from dataclasses import dataclass

_SCHEME = "gitlab:"


def is_remote(location: str) -> bool:
    """Whether a location is a project's at a forge, which has no folder on this machine."""
    return location.startswith(_SCHEME)


@dataclass(frozen=True)
class RemoteProject:
    """A project at a forge: `forge` is its name in the settings, `number` and `path` are the forge's, `url` is its page.

    `public` says whether anybody may see it.
    """

    forge: str
    number: int
    path: str
    url: str
    public: bool

    @property
    def location(self) -> str:
        """What the forge adapter finds its code by: it stays when the project is moved or renamed."""
        return f"{_SCHEME}{self.forge}/{self.number}"


@dataclass(frozen=True)
class RemoteTag:
    """A tag: the commit it points to, whether it is protected, and when the commit or tag was made (seconds since the epoch, UTC)."""

    name: str
    sha: str
    protected: bool
    made_at: float


@dataclass(frozen=True)
class Link:
    """A link of a release: `kind` is GitLab's link_type (other, runbook, image, package)."""

    name: str
    url: str
    kind: str = "other"
