"""The code of projects at GitLab: what is needed is fetched into a bare repository of ours, and read from there."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tagstone.adapters.git import GitForge, full_names, no_such_ref
from tagstone.adapters.gitlab.client import GitlabSites, TokenOf, no_token
from tagstone.adapters.gitlab.fetching import Limits, Mirror, Remote
from tagstone.domain.code.project_url import normalised
from tagstone.domain.code.source import Commit, ProjectIdentity, SourceEntry
from tagstone.domain.forges.remote import RemoteProject
from tagstone.errors import Invalid, NotFound
from tagstone.ports import ForgeProjects

_LOCATION = re.compile(r"gitlab:([A-Za-z0-9][A-Za-z0-9_.-]{0,63})/([1-9][0-9]{0,15})")
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_AT_ONCE = 500  # objects asked for in one command line


class GitlabMirror:
    """Projects at `gitlab:NAME/NUMBER`; repositories below `folder` are a cache, which may be deleted at any time.

    Each name is asked for anew, so that a tag that was moved is seen; the commits that were fetched stay.
    """

    def __init__(
        self,
        folder: Path,
        sites: GitlabSites,
        projects: ForgeProjects,
        tokens: TokenOf = no_token,
        *,
        program: str = "git",
        limits: Limits | None = None,
    ) -> None:
        self._folder = folder
        self._sites = sites
        self._projects = projects
        self._tokens = tokens
        self._program = program
        self._limits = limits or Limits()
        self._local = GitForge(program)

    def identify(self, location: str) -> ProjectIdentity:
        """A project is its page's normalised address, as it is in a clone of it. Raises: NotFound, Invalid, Forbidden, Away."""
        project = self._project(location)
        key = normalised(project.url)
        if key is None:
            raise Invalid(f"{project.url} is no address of a project.", remedy="Correct the forge's `url` in the settings.")
        return ProjectIdentity(key, key.rpartition("/")[2], project.location, project.url)

    def resolve(self, location: str, ref: str) -> Commit:
        """The commit of a tag, else of a branch, else with this whole id, as it is there now.

        Raises:
            NotFound: no tag or branch has this name; the remedy names the nearest.
            Invalid: the name is none that Git allows, the tag stands for a file, or it is too large.
            Forbidden, Away, Temporary, Permanent: what the server says.
        """
        remote = self._remote(location)
        with self._held(location) as mirror:
            mirror.clear()
            names = [mirror.main_branch(remote)] if ref == "HEAD" else full_names(mirror.git, ref)
            for full in names:
                if _fetched(mirror, remote, f"+{full}:{full}"):
                    return self._kept(mirror, full)
            if _OBJECT_ID.fullmatch(ref) and _fetched(mirror, remote, ref):
                return self._kept(mirror, ref)
            raise no_such_ref(ref, mirror.listed(remote))

    def snapshot(self, location: str) -> Commit:
        """Nothing: a project at GitLab has no work tree. Raises: Invalid."""
        raise Invalid(f"{location[:200]} is at GitLab: it has no work tree.", remedy="Name a tag or branch.")

    def entries(self, location: str, commit: Commit) -> list[SourceEntry]:
        """Every path of the commit's tree; a commit that is not here is fetched. Raises: as `resolve`."""
        with self._held(location) as mirror:
            if not mirror.has(commit.sha):
                mirror.fetch(self._remote(location), [_object_id(commit.sha)])
                mirror.keep(commit.sha)
            return self._local.entries(str(mirror.git.folder), commit)

    def read(self, location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        """The content of each object, in order; those that are not here are fetched. Raises: as `resolve`."""
        wanted = [_object_id(object_id) for object_id in object_ids]
        with self._held(location) as mirror:
            missing = mirror.missing(wanted)
            for start in range(0, len(missing), _AT_ONCE):
                mirror.fetch(self._remote(location), missing[start : start + _AT_ONCE])
        return self._local.read(str(mirror.git.folder), wanted)

    def _held(self, location: str) -> AbstractContextManager[Mirror]:
        forge, number = _parts(location)
        self._sites.site(forge)
        return Mirror.held(self._folder / forge / f"{number}.git", self._program, self._limits)

    def _kept(self, mirror: Mirror, name: str) -> Commit:
        commit = self._local.resolve(str(mirror.git.folder), name)
        mirror.keep(commit.sha)
        return commit

    def _project(self, location: str) -> RemoteProject:
        return self._projects.project(*_parts(location))

    def _remote(self, location: str) -> Remote:
        """Where the project's code is today: it may have been moved since."""
        project = self._project(location)
        token = self._sites.token(project.forge, self._tokens(project.forge, project.number))
        return Remote(self._sites.site(project.forge), project.path, token)


def _fetched(mirror: Mirror, remote: Remote, wanted: str) -> bool:
    try:
        mirror.fetch(remote, [wanted])
    except NotFound:
        return False
    return True


def _parts(location: str) -> tuple[str, int]:
    found = _LOCATION.fullmatch(location)
    if not found:
        raise Invalid(f"{location[:200]!r} is no project at a forge.", remedy="Write gitlab:NAME/NUMBER.")
    return found[1], int(found[2])


def _object_id(text: str) -> str:
    if not _OBJECT_ID.fullmatch(text):
        raise Invalid(f"{text[:80]!r} is no Git object id.", remedy="Take it from a commit that was resolved.")
    return text
