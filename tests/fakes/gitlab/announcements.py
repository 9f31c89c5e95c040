"""Releases with their links, commit statuses, comments and badges, as API v4 answers."""

import re
from subprocess import CalledProcessError

from fakes.gitlab.calls import Call, Refused, Reply, refused
from fakes.gitlab.state import DEVELOPER, MAINTAINER, REPORTER, Json, Project, Release, World, stamp

_KINDS = ("other", "runbook", "image", "package")
_STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
_LINK = re.compile(r"(https?|ftp)://\S+")
_LONGEST_STATUS = 255


def show_release(world: World, project: Project, release: Release) -> Json:
    """A release as it is shown [doc: releases/_index.md]; its page is at `_links.self`."""
    page = f"{world.url}/{project.path}/-/releases/{release.tag}"
    return {
        "tag_name": release.tag,
        "name": release.name,
        "description": release.description,
        "created_at": stamp(release.created_at),
        "released_at": stamp(release.created_at),
        "commit": {"id": project.repository.commit_of(f"refs/tags/{release.tag}")},
        "assets": {"count": len(release.links), "sources": [], "links": list(reversed(release.links.values()))},
        "_links": {"self": page, "edit_url": f"{page}/edit"},
    }


def get_release(call: Call) -> Reply:
    """GET /projects/:id/releases/:tag_name [doc: releases/_index.md]; a missing one is 404, to outsiders 403 [src: releases.rb]."""
    project = call.project(REPORTER, job=True)
    return Reply(document=show_release(call.world, project, _release(call, project)))


def list_releases(call: Call) -> Reply:
    """GET /projects/:id/releases [doc: releases/_index.md]."""
    project = call.project(REPORTER, job=True)
    return call.pages([show_release(call.world, project, release) for release in project.releases.values()])


def create_release(call: Call) -> Reply:
    """POST /projects/:id/releases, for developers, also with a job's token [doc: releases/_index.md].

    One that is there is 409 [src: create_service.rb]. A tag that is not there is 422 without `ref` [src: releases.rb].
    """
    project = call.project(DEVELOPER, job=True)
    tag = call.word("tag_name")
    try:
        project.repository.commit_of(f"refs/tags/{tag}")
    except CalledProcessError:
        raise refused(422, "Ref is not specified") from None
    if tag in project.releases:
        raise refused(409, "Release already exists")
    release = Release(tag, str(call.body.get("name") or tag), str(call.body.get("description") or ""), call.world.now())
    for link in (call.body.get("assets") or {}).get("links") or []:
        _add_link(call.world, release, link)
    project.releases[tag] = release
    return Reply(201, show_release(call.world, project, release))


def update_release(call: Call) -> Reply:
    """PUT /projects/:id/releases/:tag_name: name and description [doc: releases/_index.md]."""
    project = call.project(DEVELOPER, job=True)
    release = _release(call, project)
    release.name = str(call.body.get("name", release.name))
    release.description = str(call.body.get("description", release.description))
    return Reply(document=show_release(call.world, project, release))


def list_links(call: Call) -> Reply:
    """GET /projects/:id/releases/:tag_name/assets/links, the newest first [doc: releases/links.md]."""
    project = call.project(REPORTER, job=True)
    return call.pages(list(reversed(_release(call, project).links.values())))


def create_link(call: Call) -> Reply:
    """POST .../assets/links [doc: releases/links.md]; name and address are each there once [src: link.rb]."""
    project = call.project(DEVELOPER, job=True)
    return Reply(201, _add_link(call.world, _release(call, project), call.body))


def update_link(call: Call) -> Reply:
    """PUT .../assets/links/:link_id [doc: releases/links.md]."""
    project = call.project(DEVELOPER, job=True)
    release = _release(call, project)
    old = release.links.get(int(call.given["link"]))
    if old is None:
        raise refused(404, "404 Not found")
    changed = old | {name: call.body[name] for name in ("name", "url", "link_type") if name in call.body}
    _check_link(release, changed)
    old.update(changed, direct_asset_url=changed["url"])
    return Reply(document=old)


def list_statuses(call: Call) -> Reply:
    """GET /projects/:id/repository/commits/:sha/statuses: the latest of each name, all where asked [doc: commits.md]."""
    project = call.project(REPORTER)
    found = [one for one in project.statuses if one["sha"] == call.given["sha"]]
    found = [one for one in found if call.query.get("name") in (None, one["name"])]
    if call.query.get("all") not in ("true", "1"):
        latest: dict[str, Json] = {one["name"]: one for one in found}
        found = list(latest.values())
    return call.pages(found)


def set_status(call: Call) -> Reply:
    """POST /projects/:id/statuses/:sha [doc: commits.md]; an open one of the same name changes, else there is a new one.

    The state that it has already is 400, and nothing else of it changes [src: commit_statuses_spec.rb]. Descriptions have at most
    255 characters [src: commit_statuses.rb].
    """
    project = call.project(DEVELOPER)
    sha, state, name = call.given["sha"], call.word("state"), str(call.body.get("name") or "default")
    _commit(project, sha)
    if state not in _STATES:
        raise Refused(400, {"error": "state does not have a valid value"})
    if len(str(call.body.get("description") or "")) > _LONGEST_STATUS:
        raise refused(400, {"description": ["is too long (maximum is 255 characters)"]})
    same = [one for one in project.statuses if (one["sha"], one["name"]) == (sha, name)]
    opened = next((one for one in same if one["status"] in ("pending", "running")), None)
    if opened is not None and opened["status"] == state:
        verb = "run" if state == "running" else "enqueue"
        raise refused(
            400, f'Cannot transition status via :{verb} from :{state} (Reason(s): Status cannot transition via "{verb}")'
        )
    told = {"description": call.body.get("description"), "target_url": call.body.get("target_url"), "ref": call.body.get("ref")}
    if opened is None:
        opened = {"id": call.world.number(), "sha": sha, "name": name, "created_at": stamp(call.world.now())}
        project.statuses.append(opened)
    opened.update(told, status=state)
    return Reply(201, opened)


def list_comments(call: Call) -> Reply:
    """GET /projects/:id/repository/commits/:sha/comments [doc: commits.md]."""
    project = call.project(REPORTER)
    _commit(project, call.given["sha"])
    return call.pages([{**one, "sha": None} for one in project.comments if one["sha"] == call.given["sha"]])


def add_comment(call: Call) -> Reply:
    """POST /projects/:id/repository/commits/:sha/comments, for who may read the code [doc: commits.md]."""
    project = call.project(REPORTER)
    _commit(project, call.given["sha"])
    person = call.person
    author = {"id": person.id, "username": person.username, "name": person.name} if person else None
    made = {"note": call.word("note"), "author": author, "created_at": stamp(call.world.now()), "line": None, "path": None}
    project.comments.append({**made, "sha": call.given["sha"]})
    return Reply(201, made)


def list_badges(call: Call) -> Reply:
    """GET /projects/:id/badges [doc: project_badges.md]; `name` picks some."""
    project = call.project()
    wanted = call.query.get("name")
    return call.pages([badge for badge in project.badges.values() if wanted in (None, badge["name"])])


def set_badge(call: Call) -> Reply:
    """POST /projects/:id/badges and PUT .../:badge_id, for maintainers [doc: project_badges.md, permissions.md]."""
    project = call.project(MAINTAINER)
    number = call.given.get("badge")
    if number is not None and int(number) not in project.badges:
        raise refused(404, "404 Badge Not Found")
    chosen = call.world.number() if number is None else int(number)
    told = {name: call.body.get(name, project.badges.get(chosen, {}).get(name)) for name in ("name", "link_url", "image_url")}
    if not told["link_url"] or not told["image_url"]:
        raise Refused(400, {"error": "link_url is missing, image_url is missing"})
    project.badges[chosen] = {"id": chosen, "kind": "project", **told}
    return Reply(201 if number is None else 200, project.badges[chosen])


def delete_badge(call: Call) -> Reply:
    """DELETE /projects/:id/badges/:badge_id [doc: project_badges.md]."""
    project = call.project(MAINTAINER)
    if project.badges.pop(int(call.given["badge"]), None) is None:
        raise refused(404, "404 Badge Not Found")
    return Reply(204)


def _release(call: Call, project: Project) -> Release:
    found = project.releases.get(call.given["tag"])
    if found is None:
        raise refused(404, "404 Not Found")
    return found


def _add_link(world: World, release: Release, told: Json) -> Json:
    number = world.number()
    link = {"id": number, "name": told.get("name"), "url": told.get("url"), "link_type": told.get("link_type", "other")}
    _check_link(release, link)
    release.links[number] = {**link, "direct_asset_url": link["url"]}
    return release.links[number]


def _check_link(release: Release, link: Json) -> None:
    others = [one for one in release.links.values() if one["id"] != link["id"]]
    if not isinstance(link["name"], str) or not _LINK.fullmatch(str(link["url"])) or link["link_type"] not in _KINDS:
        raise refused(400, {"url": ["must be a valid URL"]})
    for name in ("name", "url"):
        if any(one[name] == link[name] for one in others):
            raise refused(400, {name: ["has already been taken"]})


def _commit(project: Project, sha: str) -> None:
    try:
        project.repository.commit_of(sha)
    except CalledProcessError:
        raise refused(404, "404 Commit Not Found") from None
