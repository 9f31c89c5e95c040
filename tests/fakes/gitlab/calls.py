"""Questions and answers: who asks, what they may, and how lists come in pages."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes.gitlab.state import DEVELOPER, GUEST, OWNER, REPORTER, Json, Person, Project, Token, World

_PER_PAGE, _MOST_PER_PAGE = 20, 100
_EXPIRED = {
    "error": "invalid_token",
    "error_description": "Token is expired. You can either do re-authorization or token refresh.",
}
_REVOKED = {"error": "invalid_token", "error_description": "Token was revoked. You have to re-authorize from the user."}


@dataclass(frozen=True)
class Reply:
    """An answer: a `document` as JSON, else `body`."""

    status: int = 200
    document: Any = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """An answer that ends a call."""

    def __init__(self, status: int, document: Any, **headers: str) -> None:
        super().__init__(status, document)
        self.reply = Reply(status, document, headers={name.replace("_", "-"): value for name, value in headers.items()})


def refused(status: int, message: object) -> Refused:
    """A refusal with GitLab's usual `message` [doc: rest/troubleshooting.md]."""
    return Refused(status, {"message": message})


@dataclass
class Call:
    """One question: `given` are the parts of its path, `body` is JSON or bytes, `token` None for anonymous people."""

    world: World
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    given: dict[str, str] = field(default_factory=dict)
    body: Json = field(default_factory=dict)
    token: Token | None = None

    @property
    def writes(self) -> bool:
        """Whether it asks for a change."""
        return self.method not in ("GET", "HEAD")

    @property
    def person(self) -> Person | None:
        """Who asks."""
        return self.token.person if self.token else None

    def project(self, least: int = GUEST, *, job: bool = False) -> Project:
        """The project that is asked about, for who has at least this level; `job` lets a job's token in.

        Projects that one may not see are 404, like those that are not there [doc: rest/troubleshooting.md]. Elsewhere job tokens
        count as nobody [doc: ci_job_token.md lists where they work; the answer itself is own].
        """
        if self.token and self.token.kind == "job" and not job:
            self.token = None
        found = self.world.find(self.given["project"])
        if found is None or not self._sees(found):
            raise refused(404, "404 Project Not Found")
        if self.writes and self.token is None:
            raise refused(401, "401 Unauthorized")
        self.need_scope()
        if (
            least > GUEST
            and level(self.token, found) < least
            and (self.writes or least > REPORTER or found.visibility == "private")
        ):
            raise refused(403, "403 Forbidden")
        return found

    def need_scope(self) -> None:
        """`read_api` may only look, `api` may all; the answer says which would do [src: api_guard.rb]."""
        wanted = ("api",) if self.writes else ("api", "read_api")
        if self.token and self.token.kind != "job" and not self.token.scopes & set(wanted):
            raise Refused(
                403,
                {
                    "error": "insufficient_scope",
                    "error_description": "The request requires higher privileges than provided by the access token.",
                    "scope": " ".join(wanted),
                },
            )

    def _sees(self, project: Project) -> bool:
        """Public projects are everybody's, internal ones everybody's with an account [doc: public_access.md]."""
        if project.visibility == "public" or (project.visibility == "internal" and self.token):
            return True
        return level(self.token, project) >= GUEST

    def word(self, name: str) -> str:
        """A text that the body or the query must have; a missing one is 400 [doc: rest/troubleshooting.md]."""
        value = self.body.get(name, self.query.get(name))
        if not isinstance(value, str) or not value:
            raise Refused(400, {"error": f"{name} is missing"})
        return value

    def pages(self, items: Sequence[Any]) -> Reply:
        """One page of a list, with the headers that lead on [doc: rest/_index.md#pagination]."""
        number, per_page = (self._count(name, usual) for name, usual in (("page", 1), ("per_page", _PER_PAGE)))
        size = min(per_page, _MOST_PER_PAGE)
        last = max(1, -(-len(items) // size))
        near = (
            {"first": 1, "last": last}
            | ({"next": number + 1} if number < last else {})
            | ({"prev": number - 1} if number > 1 else {})
        )
        kept = "".join(f"&{name}={value}" for name, value in self.query.items() if name not in ("page", "per_page"))
        links = [
            f'<{self.world.url}{self.path}?page={page}&per_page={size}{kept}>; rel="{name}"' for name, page in near.items()
        ]
        headers = {
            "Link": ", ".join(links),
            "X-Next-Page": str(near.get("next", "")),
            "X-Prev-Page": str(near.get("prev", "")),
            "X-Page": str(number),
            "X-Per-Page": str(size),
            "X-Total": str(len(items)),
            "X-Total-Pages": str(last),
        }
        return Reply(document=list(items[(number - 1) * size : number * size]), headers=headers)

    def _count(self, name: str, usual: int) -> int:
        value = self.query.get(name, str(usual))
        if not value.isdigit() or int(value) < 1:
            raise Refused(400, {"error": f"{name} is invalid"})
        return int(value)


def level(token: Token | None, project: Project) -> int:
    """The access level of a token: its own for a project's token, else its person's [doc: members.md, project_access_tokens.md]."""
    if token is None:
        return 0
    if token.project is not None and token.project != project.id:
        return 0
    if token.level is not None:
        return token.level
    if token.person.admin:
        return OWNER
    return project.members.get(token.person.id, 0)


def token_of(world: World, headers: Mapping[str, str]) -> Token | None:
    """Whose token a question brings: PRIVATE-TOKEN, JOB-TOKEN or Authorization [doc: rest/authentication.md].

    A token that is unknown, ran out or was revoked is 401, also for what is public [src: api_guard.rb].
    """
    given = headers.get("private-token") or headers.get("job-token")
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if given is None and scheme.lower() == "bearer":
        given = rest.strip()
    return None if given is None else valid_token(world, given)


def valid_token(world: World, value: str) -> Token:
    """The token with this value. Raises: Refused with 401."""
    token = next((token for token in world.tokens if token.value == value), None)
    if token is None:
        raise refused(401, "401 Unauthorized")
    if token.revoked:
        raise Refused(401, _REVOKED)
    if token.expires_at is not None and token.expires_at <= world.now():
        raise Refused(401, _EXPIRED)
    return token


def git_token(call: Call) -> Token | None:
    """The token of a question of Git's, which comes as a password with any name [doc: project_access_tokens.md]."""
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        password = base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        raise refused(401, "401 Unauthorized") from None
    return valid_token(call.world, password)


def may_use_git(token: Token | None, project: Project, *, push: bool) -> bool:
    """Whether a token may fetch or push: by scope [doc: personal_access_tokens.md], and by level [doc: permissions.md]."""
    scopes = {"api", "write_repository"} if push else {"api", "read_repository", "write_repository"}
    if token is not None and token.kind != "job" and not token.scopes & scopes:
        return False
    if not push and (project.visibility == "public" or (project.visibility == "internal" and token)):
        return True
    return level(token, project) >= (DEVELOPER if push else REPORTER)
