"""What a GitLab says of its projects, their tags and people."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tagstone.adapters.gitlab.answers import moment, number, part, strange, word
from tagstone.adapters.gitlab.client import GitlabSites, TokenOf, no_token, pages, speaking
from tagstone.domain.forges.remote import RemoteProject, RemoteTag
from tagstone.errors import Invalid, NotFound

_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST = 1000
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


class GitlabProjects:
    """Reads with the token that a project lends (`tokens`), else with the site's own: the scope read_api is enough."""

    def __init__(self, sites: GitlabSites, tokens: TokenOf = no_token) -> None:
        self._sites = sites
        self._tokens = tokens

    def project(self, forge: str, which: int | str) -> RemoteProject:
        """A project by its number or path; its address is built from the settings, whatever the answer says.

        Raises:
            NotFound: it is not there, or the token may not see it.
            Invalid: the path is none.
            Forbidden, Away, Temporary, Permanent: what the server says.
        """
        if isinstance(which, str) and not _is_path(which):
            raise Invalid(f"{which[:200]!r} is no path of a project.", remedy="Write it as in its address: group/project.")
        lent = self._tokens(forge, which) if isinstance(which, int) else None
        with speaking():
            found = self._sites.connect(forge, lent).projects.get(which).asdict()
        known, path = number(found, "id"), word(found, "path_with_namespace")
        if (isinstance(which, int) and known != which) or not _is_path(path):
            raise strange("it tells of another project")
        public = found.get("visibility") == "public"
        return RemoteProject(forge, known, path, f"{self._sites.site(forge).root}/{path}", public)

    def tag(self, project: RemoteProject, name: str) -> RemoteTag | None:
        """A tag as it stands now; None where there is none. Raises: NotFound without the project, and as `project`."""
        if not name or len(name) > _LONGEST or _UNPRINTABLE.search(name):
            return None
        gitlab = self._sites.connect(project.forge, self._tokens(project.forge, project.number))
        try:
            with speaking():
                found = gitlab.projects.get(project.number, lazy=True).tags.get(name).asdict()
        except NotFound:
            self.project(project.forge, project.number)
            return None
        if found.get("name") != name:
            raise strange("it tells of another tag")
        return _tag(found)

    def branch(self, project: RemoteProject, name: str) -> str | None:
        """The commit of a branch as it stands now; None where there is none. Raises: as `tag`."""
        if not name or len(name) > _LONGEST or _UNPRINTABLE.search(name):
            return None
        gitlab = self._sites.connect(project.forge, self._tokens(project.forge, project.number))
        try:
            with speaking():
                found = gitlab.projects.get(project.number, lazy=True).branches.get(name).asdict()
        except NotFound:
            self.project(project.forge, project.number)
            return None
        sha = word(part(found, "commit"), "id")
        if found.get("name") != name or not _SHA.fullmatch(sha):
            raise strange("it tells of another branch")
        return sha

    def tags(self, project: RemoteProject) -> Iterator[RemoteTag]:
        """All tags, the newest first, as they are wanted; those with hidden characters in their names are left out."""
        gitlab = self._sites.connect(project.forge, self._tokens(project.forge, project.number))
        for found in pages(gitlab, f"/projects/{project.number}/repository/tags", order_by="updated", sort="desc"):
            if not _UNPRINTABLE.search(word(found, "name")):
                yield _tag(found)

    def level(self, project: RemoteProject, person: int) -> int:
        """The access level of a person, inherited ones too; 0 for who is no active member, or cannot be seen."""
        gitlab = self._sites.connect(project.forge, self._tokens(project.forge, project.number))
        try:
            with speaking():
                found = gitlab.projects.get(project.number, lazy=True).members_all.get(person).asdict()
        except NotFound:
            return 0
        if number(found, "id") != person:
            raise strange("it tells of another person")
        return number(found, "access_level") if found.get("state", "active") == "active" else 0


def _is_path(text: str) -> bool:
    return len(text) <= _LONGEST and _PATH.fullmatch(text) is not None


def _tag(found: Mapping[str, Any]) -> RemoteTag:
    """A tag with what GitLab itself says of its protection, which needs no maintainer's token."""
    name, commit = word(found, "name"), part(found, "commit")
    sha = word(commit, "id")
    made = next(
        filter(None, map(moment, (found.get("created_at"), commit.get("committed_date"), commit.get("created_at")))), None
    )
    if not _SHA.fullmatch(sha) or made is None or len(name) > _LONGEST:
        raise strange("its tag names no commit with a time")
    return RemoteTag(name, sha, found.get("protected") is True, made)
