"""All places where code lives: repositories of this machine, and projects at the forges of the settings."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from tagstone.domain.code.source import Commit, ProjectIdentity, SourceEntry
from tagstone.domain.forges.remote import is_remote
from tagstone.ports import Forge


class SiteForges:
    """Hands each location to who knows it: `gitlab:NAME/NUMBER` to what `remote` makes when it is first needed, all else to `local`."""

    def __init__(self, local: Forge, remote: Callable[[], Forge]) -> None:
        self._local = local
        self._make_remote = remote

    @cached_property
    def _remote(self) -> Forge:
        return self._make_remote()

    def identify(self, location: str) -> ProjectIdentity:
        """Say which project is at `location`. Raises: as the forge that it belongs to."""
        return self._at(location).identify(location)

    def resolve(self, location: str, ref: str) -> Commit:
        """Resolve a tag or branch to its commit. Raises: as the forge that it belongs to."""
        return self._at(location).resolve(location, ref)

    def snapshot(self, location: str) -> Commit:
        """Make a work tree readable as a commit. Raises: Invalid where there is none, and as the forge."""
        return self._at(location).snapshot(location)

    def entries(self, location: str, commit: Commit) -> list[SourceEntry]:
        """Every path of the commit's tree. Raises: as the forge that it belongs to."""
        return self._at(location).entries(location, commit)

    def read(self, location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        """The content of each object, in order. Raises: as the forge that it belongs to."""
        return self._at(location).read(location, object_ids)

    def _at(self, location: str) -> Forge:
        return self._remote if is_remote(location) else self._local
