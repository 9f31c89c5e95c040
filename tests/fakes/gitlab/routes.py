"""Which question is answered by which function. Paths are matched as they are sent: `%2F` inside a part is no slash."""

import json
import re
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl, unquote

from fakes.gitlab import announcements, hooks, identity, projects
from fakes.gitlab.calls import Call, Refused, Reply, git_token, may_use_git, refused, token_of
from fakes.gitlab.deliveries import Sender
from fakes.gitlab.identity import Keys
from fakes.gitlab.repository import answer_git
from fakes.gitlab.state import Project, World

Answer = Callable[[Call], Reply]
_GIT = re.compile(r"/(?P<project>.+)\.git/(?P<service>info/refs|git-upload-pack|git-receive-pack)")
_DENIED = {"WWW-Authenticate": 'Basic realm="GitLab"'}


def build_routes(sender: Sender, keys: Keys) -> list[tuple[str, re.Pattern[str], Answer]]:
    """Every method and path that is answered."""
    one, commit = "/api/v4/projects/:project", "/repository/commits/:sha"
    links = f"{one}/releases/:tag/assets/links"
    plain: list[tuple[str, str, Answer]] = [
        ("GET", "/api/v4/user", projects.get_user),
        ("GET", "/api/v4/personal_access_tokens/self", projects.own_token),
        ("GET", one, projects.get_project),
        ("GET", f"{one}/repository/tags", projects.list_tags),
        ("GET", f"{one}/repository/tags/:tag", projects.get_tag),
        ("GET", f"{one}/repository/branches/:branch", projects.get_branch),
        ("GET", f"{one}/protected_tags", projects.list_protected),
        ("GET", f"{one}/protected_tags/:name", projects.get_protected),
        ("POST", f"{one}/protected_tags", projects.protect),
        ("GET", f"{one}/members/all/:person", projects.get_member),
        ("GET", f"{one}/access_tokens", projects.list_tokens),
        ("POST", f"{one}/access_tokens", projects.create_token),
        ("POST", f"{one}/access_tokens/:token/rotate", projects.rotate),
        ("GET", f"{one}/releases", announcements.list_releases),
        ("POST", f"{one}/releases", announcements.create_release),
        ("GET", f"{one}/releases/:tag", announcements.get_release),
        ("PUT", f"{one}/releases/:tag", announcements.update_release),
        ("GET", links, announcements.list_links),
        ("POST", links, announcements.create_link),
        ("PUT", f"{links}/:link", announcements.update_link),
        ("GET", f"{one}{commit}/statuses", announcements.list_statuses),
        ("POST", f"{one}/statuses/:sha", announcements.set_status),
        ("GET", f"{one}{commit}/comments", announcements.list_comments),
        ("POST", f"{one}{commit}/comments", announcements.add_comment),
        ("GET", f"{one}/badges", announcements.list_badges),
        ("POST", f"{one}/badges", announcements.set_badge),
        ("PUT", f"{one}/badges/:badge", announcements.set_badge),
        ("DELETE", f"{one}/badges/:badge", announcements.delete_badge),
        ("GET", f"{one}/hooks", partial(hooks.list_hooks, _=sender)),
        ("POST", f"{one}/hooks", partial(hooks.create_hook, _=sender)),
        ("GET", f"{one}/hooks/:hook", partial(hooks.get_hook, _=sender)),
        ("PUT", f"{one}/hooks/:hook", partial(hooks.edit_hook, _=sender)),
        ("DELETE", f"{one}/hooks/:hook", partial(hooks.delete_hook, _=sender)),
        ("POST", f"{one}/hooks/:hook/test/:trigger", partial(hooks.test_hook, sender=sender)),
        ("GET", "/oauth/discovery/keys", partial(identity.get_keys, keys=keys)),
        ("GET", "/.well-known/openid-configuration", partial(identity.get_configuration, _=keys)),
    ]
    return [(method, _pattern(path), answer) for method, path, answer in plain]


def answer_api(world: World, routes: list[tuple[str, re.Pattern[str], Answer]], call: Call) -> Reply:
    """The answer of the first route that fits; numbers that are none are 404, what fits no route as well."""
    try:
        for method, pattern, answer in routes:
            found = pattern.fullmatch(call.path)
            if found and method == call.method:
                call.given = {name: unquote(value) for name, value in found.groupdict().items()}
                call.body = _body(call)
                call.token = token_of(world, call.headers)
                with world.lock:
                    return answer(call)
    except Refused as refusal:
        return refusal.reply
    except ValueError:
        return Reply(400, {"error": "a number is invalid"})
    return Reply(404, {"error": "404 Not Found"})


def git_project(path: str) -> re.Match[str] | None:
    """The project and service that a question of Git's is for; None for all others."""
    return _GIT.fullmatch(unquote(path))


def answer_git_call(call: Call, found: re.Match[str], pushed: Callable[[Project, Call, dict[str, str]], None]) -> Reply:
    """Git's smart HTTP [doc: Git]; what one may not see is asked for a password first, then 404 [src: git_http_client].

    After a push, `pushed` is told the refs as they were before.
    """
    try:
        call.token = git_token(call)
    except Refused:
        return Reply(401, body=b"HTTP Basic: Access denied.", headers=_DENIED)
    project = call.world.find(found["project"])
    push = "git-receive-pack" in (found["service"], call.query.get("service", ""))
    if project is None or not may_use_git(call.token, project, push=push):
        known = call.token is not None
        return Reply(
            404 if known else 401,
            body=b"The project you were looking for could not be found.",
            headers={} if known else _DENIED,
        )
    before = project.repository.refs()
    environment = {
        "PATH_INFO": f"/{project.repository.folder.name}/{found['service']}",
        "REQUEST_METHOD": call.method,
        "QUERY_STRING": "&".join(f"{name}={value}" for name, value in call.query.items()),
        "CONTENT_TYPE": call.headers.get("content-type", ""),
        "HTTP_CONTENT_ENCODING": call.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": call.headers.get("git-protocol", ""),
        "REMOTE_USER": call.token.person.username if call.token else "",
    }
    status, headers, body = answer_git(project.repository.folder, environment, call.raw)
    if found["service"] == "git-receive-pack":
        pushed(project, call, before)
    return Reply(status, body=body, headers=headers)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r":([a-z]+)", r"(?P<\1>[^/]+)", path.replace(".", r"\.")))


def _body(call: Call) -> dict[str, object]:
    """The fields of a question, as JSON or as a form [doc: rest/_index.md]; what is neither is 400."""
    kind = call.headers.get("content-type", "").partition(";")[0]
    if not call.raw or not call.writes:
        return {}
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(call.raw.decode()))
    try:
        found = json.loads(call.raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise refused(400, "400 Bad request")
    return found
