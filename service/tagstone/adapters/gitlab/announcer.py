"""What Tagstone writes into a project at GitLab: a release with links, a commit's status and comments, a badge."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from gitlab import Gitlab
from gitlab.v4.objects import ProjectReleaseLinkManager

from tagstone.adapters.gitlab.answers import JsonObject, number, part, strange
from tagstone.adapters.gitlab.client import GitlabSites, TokenOf, no_token, pages, speaking
from tagstone.domain.forges.remote import Link, RemoteProject
from tagstone.errors import Conflict, Invalid, NotFound, Temporary

_NAME = "tagstone"
_BEGIN, _END = "<!-- tagstone: begin -->", "<!-- tagstone: end -->"
_OURS = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
_MARK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_LONGEST_STATUS = 255  # GitLab refuses longer ones


class GitlabAnnouncer:
    """Writes with the token that a project lends (`tokens`), else with the site's own.

    Releases need the role developer, badges maintainer, and all of it the scope api.
    """

    def __init__(self, sites: GitlabSites, tokens: TokenOf = no_token) -> None:
        self._sites = sites
        self._tokens = tokens

    def release(self, project: RemoteProject, tag: str, text: str, links: Sequence[Link]) -> str:
        """The tag's release with our part of its description and our links; the address of its page.

        Raises:
            NotFound, Invalid: the project or tag is not there, or GitLab refuses what is said.
            Forbidden, Away, Temporary, Permanent: what the server says; asked again it goes on where it was.
        """
        gitlab, ours = self._connect(project), _between_marks(text)
        found = _release(gitlab, project, tag)
        if found is None:
            told = {"tag_name": tag, "description": ours, "assets": {"links": [_told(link) for link in links]}}
            try:
                with speaking():
                    gitlab.projects.get(project.number, lazy=True).releases.create(told)
            except Conflict:
                found = _release(gitlab, project, tag)
        if found is not None:
            self._bring_up_to_date(gitlab, project, found, tag, ours, links)
        return f"{project.url}/-/releases/{quote(tag, safe='')}"

    def status(self, project: RemoteProject, sha: str, state: str, text: str, url: str) -> None:
        """The commit's status called `tagstone`; what GitLab has already is not sent again.

        GitLab keeps the text that came with a state: a second text of the same state is lost there. Raises: as `release`.
        """
        gitlab = self._connect(project)
        said = text if len(text) <= _LONGEST_STATUS else f"{text[: _LONGEST_STATUS - 1]}…"
        path = f"/projects/{project.number}/repository/commits/{quote(sha, safe='')}/statuses"
        for found in pages(gitlab, path, name=_NAME):
            if (found.get("name"), found.get("status")) == (_NAME, state) and found.get("description") == said:
                return
        told = {"state": state, "name": _NAME, "description": said, "target_url": url}
        try:
            with speaking():
                gitlab.projects.get(project.number, lazy=True).commits.get(sha, lazy=True).statuses.create(told)
        except Invalid as refusal:
            if "Cannot transition status" not in refusal.message:
                raise

    def comment(self, project: RemoteProject, sha: str, mark: str, text: str) -> None:
        """One comment on the commit for each `mark`, which stands in it unseen. Raises: Invalid for no mark, and as `release`."""
        if not _MARK.fullmatch(mark):
            raise Invalid(f"{mark[:100]!r} is no mark.", remedy="Use letters, digits, dots, colons and hyphens.")
        gitlab, hidden = self._connect(project), f"<!-- tagstone: {mark} -->"
        path = f"/projects/{project.number}/repository/commits/{quote(sha, safe='')}/comments"
        if any(hidden in str(found.get("note")) for found in pages(gitlab, path)):
            return
        with speaking():
            commit = gitlab.projects.get(project.number, lazy=True).commits.get(sha, lazy=True)
            commit.comments.create({"note": f"{text}\n\n{hidden}"})

    def badge(self, project: RemoteProject, link: str, image: str) -> None:
        """The project's badge called `tagstone`. Raises: as `release`."""
        gitlab, told = self._connect(project), {"name": _NAME, "link_url": link, "image_url": image}
        badges = gitlab.projects.get(project.number, lazy=True).badges
        for found in pages(gitlab, f"/projects/{project.number}/badges", name=_NAME):
            if found.get("name") != _NAME or found.get("kind", "project") != "project":
                continue
            if any(found.get(name) != value for name, value in told.items()):
                with speaking():
                    badges.update(number(found, "id"), dict(told))
            return
        with speaking():
            badges.create(told)

    def _connect(self, project: RemoteProject) -> Gitlab:
        return self._sites.connect(project.forge, self._tokens(project.forge, project.number))

    def _bring_up_to_date(
        self, gitlab: Gitlab, project: RemoteProject, found: JsonObject, tag: str, ours: str, links: Sequence[Link]
    ) -> None:
        releases = gitlab.projects.get(project.number, lazy=True).releases
        said = found.get("description")
        before = said.replace("\r\n", "\n") if isinstance(said, str) else ""
        if (wanted := _merged(before, ours)) != before:
            with speaking():
                releases.update(tag, {"description": wanted})
        told = part(found, "assets").get("links")
        there = [link for link in told if isinstance(link, dict)] if isinstance(told, list) else []
        for link in links:
            with speaking():
                _bring_link(releases.get(tag, lazy=True).links, there, link)


def _bring_link(links: ProjectReleaseLinkManager, there: list[JsonObject], link: Link) -> None:
    """One link, known by its name; an address that stands under another name already is left to whom it belongs."""
    told = _told(link)
    named = next((found for found in there if found.get("name") == link.name), None)
    if any(found.get("url") == link.url for found in there if found is not named):
        return
    try:
        if named is None:
            links.create(told)
        elif any(named.get(name) != value for name, value in told.items()):
            links.update(number(named, "id"), dict(told))
    except Invalid as refusal:
        if "already been taken" not in refusal.message:
            raise
        raise Temporary("Somebody else writes links into the release just now.") from None


def _release(gitlab: Gitlab, project: RemoteProject, tag: str) -> JsonObject | None:
    try:
        with speaking():
            found: JsonObject = gitlab.projects.get(project.number, lazy=True).releases.get(tag).asdict()
    except NotFound:
        return None
    if found.get("tag_name") != tag:
        raise strange("it tells of another release")
    return found


def _told(link: Link) -> dict[str, str]:
    return {"name": link.name, "url": link.url, "link_type": link.kind}


def _between_marks(text: str) -> str:
    """Our part of a description, which cannot end before its end."""
    plain = text.replace("\r\n", "\n").replace(_BEGIN, "").replace(_END, "").strip()
    return f"{_BEGIN}\n{plain}\n{_END}"


def _merged(before: str, ours: str) -> str:
    """A description with our part: in the place of the one that is there, else after what others wrote."""
    if _OURS.search(before):
        return _OURS.sub(lambda _: ours, before, count=1)
    return f"{before.rstrip()}\n\n{ours}" if before.strip() else ours
