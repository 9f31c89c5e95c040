"""Projects, tags, protected tags, members and access tokens, as API v4 answers."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

from fakes.gitlab.calls import Call, Refused, Reply, level, refused
from fakes.gitlab.state import GUEST, MAINTAINER, OWNER, REPORTER, Json, Person, Project, Token, World, stamp

_LEVELS = {0: "No one", 30: "Developers + Maintainers", 40: "Maintainers"}
_LONGEST_DAYS = 365


def show_project(world: World, project: Project) -> Json:
    """A project as it is shown to who may see it [doc: projects.md]; permissions and counts are left out."""
    address = f"{world.url}/{project.path}"
    return {
        "id": project.id,
        "name": project.path.rpartition("/")[2],
        "path": project.path.rpartition("/")[2],
        "path_with_namespace": project.path,
        "web_url": address,
        "http_url_to_repo": f"{address}.git",
        "default_branch": "main",
        "visibility": project.visibility,
        "archived": False,
        "created_at": stamp(project.created_at),
    }


def get_project(call: Call) -> Reply:
    """GET /projects/:id [doc: projects.md]."""
    return Reply(document=show_project(call.world, call.project()))


def list_tags(call: Call) -> Reply:
    """GET /projects/:id/repository/tags, the newest first [doc: tags.md]; private code needs a reporter [doc: permissions.md]."""
    project = call.project(REPORTER)
    found = [_shown(project, tag) for tag in project.repository.tags()]
    order, direction = call.query.get("order_by", "updated"), call.query.get("sort", "desc")
    if order == "name":
        found.sort(key=lambda tag: str(tag["name"]), reverse=direction == "desc")
    elif direction == "asc":
        found.reverse()
    return call.pages(found)


def get_tag(call: Call) -> Reply:
    """GET /projects/:id/repository/tags/:tag_name [doc: tags.md]."""
    project = call.project(REPORTER)
    name = call.given["tag"]
    tag = next((tag for tag in project.repository.tags() if tag["name"] == name), None)
    if tag is None:
        raise refused(404, "404 Tag Not Found")
    return Reply(document=_shown(project, tag))


def get_branch(call: Call) -> Reply:
    """GET /projects/:id/repository/branches/:branch [doc: branches.md]; private code needs a reporter [doc: permissions.md]."""
    project = call.project(REPORTER)
    name = call.given["branch"]
    sha = project.repository.refs().get(f"refs/heads/{name}")
    if sha is None:
        raise refused(404, "404 Branch Not Found")
    return Reply(document={"name": name, "commit": {"id": sha, "short_id": sha[:8]}, "merged": False, "protected": False})


def list_protected(call: Call) -> Reply:
    """GET /projects/:id/protected_tags [doc: protected_tags.md]; for maintainers [src: protected_tags.rb]."""
    project = call.project(MAINTAINER)
    return call.pages([_protection(name, least) for name, least in project.protected.items()])


def get_protected(call: Call) -> Reply:
    """GET /projects/:id/protected_tags/:name [doc: protected_tags.md]."""
    project = call.project(MAINTAINER)
    name = call.given["name"]
    if name not in project.protected:
        raise refused(404, "404 Not found")
    return Reply(document=_protection(name, project.protected[name]))


def protect(call: Call) -> Reply:
    """POST /projects/:id/protected_tags [doc: protected_tags.md]; a name twice is 409 [src: protected_tags.rb]."""
    project = call.project(MAINTAINER)
    name, least = call.word("name"), call.body.get("create_access_level", MAINTAINER)
    if least not in _LEVELS:
        raise Refused(400, {"error": "create_access_level does not have a valid value"})
    if name in project.protected:
        raise refused(409, f"Protected tag '{name}' already exists")
    project.protected[name] = int(least)
    return Reply(201, _protection(name, least))


def get_member(call: Call) -> Reply:
    """GET /projects/:id/members/all/:user_id: inherited members too [doc: members.md]."""
    project = call.project(GUEST)
    person = call.world.people.get(int(call.given["person"]))
    if person is None or person.id not in project.members:
        raise refused(404, "404 Not found")
    shown = {"id": person.id, "username": person.username, "name": person.name, "state": "active"}
    return Reply(document={**shown, "access_level": project.members[person.id], "expires_at": None})


def get_user(call: Call) -> Reply:
    """GET /user: who the token is of [doc: users.md]; its address is shown to the person alone."""
    if call.token is None or call.token.kind == "job":
        raise refused(401, "401 Unauthorized")
    person: Person = call.token.person
    return Reply(
        document={
            "id": person.id,
            "username": person.username,
            "name": person.name,
            "email": person.email,
            "state": "active",
            "web_url": f"{call.world.url}/{person.username}",
        }
    )


def own_token(call: Call) -> Reply:
    """GET /personal_access_tokens/self: what the token that asks is [doc: personal_access_tokens.md]."""
    if call.token is None or call.token.kind in ("job", "oauth"):
        raise refused(401, "401 Unauthorized")
    return Reply(document=_token(call.token))


def list_tokens(call: Call) -> Reply:
    """GET /projects/:id/access_tokens [doc: project_access_tokens.md]."""
    project = call.project(MAINTAINER)
    return call.pages([_token(token) for token in call.world.tokens if token.project == project.id and token.kind == "project"])


def create_token(call: Call) -> Reply:
    """POST /projects/:id/access_tokens: shown this once [doc: project_access_tokens.md]; a token makes no tokens there."""
    project = call.project(MAINTAINER)
    if call.token is not None and call.token.kind == "project":
        raise refused(403, "403 Forbidden")
    wanted = int(call.body.get("access_level", MAINTAINER))
    if wanted > min(level(call.token, project), OWNER):
        raise refused(400, "User does not have permission to create project access token")
    made = project_token(
        call.world,
        project,
        call.body.get("scopes", []),
        wanted,
        _expiry(call.world, call.body.get("expires_at")),
        call.word("name"),
    )
    return Reply(201, {**_token(made), "token": made.value})


def rotate(call: Call) -> Reply:
    """POST /projects/:id/access_tokens/:token_id/rotate: the old one is revoked at once [doc: project_access_tokens.md].

    `self` names the token that asks, which needs `api` or `self_rotate` [doc]; without `expires_at` it is a week [doc].
    """
    if call.token is not None and "self_rotate" in call.token.scopes:
        call.token.scopes |= {"api"}
    project = call.project(GUEST)
    which = call.given["token"]
    own = which == "self"
    if not own and level(call.token, project) < MAINTAINER:
        raise refused(403, "403 Forbidden")
    old = (
        call.token
        if own
        else next((one for one in call.world.tokens if str(one.id) == which and one.project == project.id), None)
    )
    if old is None or old.project != project.id:
        raise refused(404, "404 Not found")
    expires = _expiry(call.world, call.body.get("expires_at") or _day(call.world.now() + 7 * 86400))
    made = project_token(call.world, project, sorted(old.scopes), old.level or 0, expires, old.name)
    old.revoked = True
    return Reply(200, {**_token(made), "token": made.value})


def project_token(world: World, project: Project, scopes: Any, least: int, expires: float | None, name: str) -> Token:
    """A project's token, which is of a bot of its own [doc: project_access_tokens.md]."""
    number = world.number()
    bot = Person(number, f"project_{project.id}_bot_{number}", name, f"project_{project.id}_bot@noreply.example.org")
    world.people[number] = bot
    project.members[number] = least
    return world.add_token("project", bot, scopes, expires, project=project.id, level=least, name=name)


def _shown(project: Project, tag: dict[str, Any]) -> Json:
    release = project.releases.get(tag["name"])
    told = {"tag_name": release.tag, "description": release.description} if release else None
    return {**tag, "protected": project.is_protected(tag["name"]), "release": told}


def _protection(name: str, least: int) -> Json:
    number = int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)
    described = {"id": number, "access_level": least, "access_level_description": _LEVELS[least]}
    return {"name": name, "create_access_levels": [described]}


def _token(token: Token) -> Json:
    return {
        "id": token.id,
        "name": token.name,
        "user_id": token.person.id,
        "scopes": sorted(token.scopes),
        "access_level": token.level,
        "active": not token.revoked,
        "revoked": token.revoked,
        "created_at": stamp(token.created_at),
        "expires_at": _day(token.expires_at) if token.expires_at else None,
    }


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _expiry(world: World, day: object) -> float:
    """Tokens end at midnight UTC of their day, at most a year ahead [doc: project_access_tokens.md]."""
    today = datetime.fromtimestamp(world.now(), UTC).date()
    try:
        ends = date.fromisoformat(str(day))
    except ValueError:
        raise Refused(400, {"error": "expires_at is invalid"}) from None
    if not today < ends <= today + timedelta(days=_LONGEST_DAYS):
        raise refused(400, "Expiration date is not allowed")
    return datetime(ends.year, ends.month, ends.day, tzinfo=UTC).timestamp()
