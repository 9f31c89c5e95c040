"""Sets a project at GitLab up, and takes that back; with a maintainer's token."""

import re
from datetime import UTC, datetime, timedelta

from gitlab import Gitlab

from tagstone.adapters.gitlab.answers import moment, number, strange, word
from tagstone.adapters.gitlab.client import GitlabSites, TokenOf, no_token, pages, speaking
from tagstone.domain.forges.remote import RemoteProject
from tagstone.errors import Conflict, NotFound
from tagstone.ports import Clock

_MAINTAINER = 40
_DAYS = range(1, 365)  # GitLab gives no token for longer than a year
_EVENTS = {"tag_push_events": True, "releases_events": True, "pipeline_events": True, "push_events": False}


class GitlabRegistrar:
    """Works with the token that a project lends (`tokens`), else with the site's own: scope api, role maintainer."""

    def __init__(self, sites: GitlabSites, clock: Clock, tokens: TokenOf = no_token) -> None:
        self._sites = sites
        self._clock = clock
        self._tokens = tokens

    def hook(self, project: RemoteProject, url: str, signing: str) -> int:
        """The hook that delivers to `url`, signed with `signing`; one that is there gets this token, since none is ever shown.

        Raises:
            NotFound, Forbidden, Invalid: the project is not there, the token is no maintainer's, GitLab refuses the address.
            Away, Temporary, Permanent: what the server says; asked again it is found.
        """
        gitlab = self._connect(project)
        hooks = gitlab.projects.get(project.number, lazy=True).hooks
        told = {"url": url, "signing_token": signing, "enable_ssl_verification": True, **_EVENTS}
        for found in pages(gitlab, f"/projects/{project.number}/hooks"):
            if found.get("url") == url:
                with speaking():
                    hooks.update(number(found, "id"), told)
                return number(found, "id")
        with speaking():
            return number(hooks.create(told).asdict(), "id")

    def unhook(self, project: RemoteProject, number: int) -> None:
        """Remove a hook; one that is gone, with its project or alone, is no error. Raises: as `hook`."""
        try:
            with speaking():
                self._connect(project).projects.get(project.number, lazy=True).hooks.delete(number)
        except NotFound:
            return

    def protect(self, project: RemoteProject, pattern: str) -> bool:
        """Protect tags so that maintainers alone make them; False where a name or wildcard covers them already.

        What a project's maintainers protected themselves stays, whoever may make those tags. Raises: as `hook`.
        """
        gitlab = self._connect(project)
        for found in pages(gitlab, f"/projects/{project.number}/protected_tags"):
            if _covers(word(found, "name"), pattern):
                return False
        told = {"name": pattern, "create_access_level": _MAINTAINER}
        try:
            with speaking():
                gitlab.projects.get(project.number, lazy=True).protectedtags.create(told)
        except Conflict:
            return False
        return True

    def rotate(self, project: RemoteProject, token: str, days: int) -> tuple[str, float]:
        """Replace `token` by a new one for `days` (at most 364) days; it, and when it expires, in seconds since the epoch (UTC).

        GitLab revokes the old one at once. Where the answer is lost nobody has the new one (Temporary), and a maintainer must make
        another. Raises: Forbidden for a token that ran out, and as `hook`.
        """
        lasting = min(max(days, _DAYS.start), _DAYS.stop - 1)
        ends = (datetime.fromtimestamp(self._clock.now(), UTC) + timedelta(days=lasting)).date().isoformat()
        gitlab = self._sites.connect(project.forge, token)
        with speaking():
            found: object = gitlab.projects.get(project.number, lazy=True).access_tokens.rotate("self", expires_at=ends)
        if not isinstance(found, dict) or (expires := moment(found.get("expires_at"))) is None:
            raise strange("its new token never expires")
        return word(found, "token"), expires

    def _connect(self, project: RemoteProject) -> Gitlab:
        return self._sites.connect(project.forge, self._tokens(project.forge, project.number))


def _covers(name: str, pattern: str) -> bool:
    """Whether a protected name or wildcard (`*` stands for anything) covers all that `pattern` does."""
    return re.fullmatch(".*".join(map(re.escape, name.split("*"))), pattern, re.DOTALL) is not None
