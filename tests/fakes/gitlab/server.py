"""A GitLab on loopback that remembers: API v4 as python-gitlab calls it, Git over HTTP, id_tokens, and hooks.

What each part does, and whether documentation or source says so, stands with the part (`state.py` explains the marks).
"""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fakes.gitlab import identity
from fakes.gitlab.calls import Call, Reply
from fakes.gitlab.deliveries import Sender, Sent, pipeline_event, release_event, tag_pushes
from fakes.gitlab.faults import Faults
from fakes.gitlab.identity import Keys
from fakes.gitlab.projects import project_token
from fakes.gitlab.repository import BareRepository
from fakes.gitlab.routes import answer_api, answer_git_call, build_routes, git_project
from fakes.gitlab.state import MAINTAINER, Hook, Person, Project, World

_ZEROS = "0" * 40
_DAY = 86_400.0
_STARTED = 1_790_000_000.0


@dataclass
class FakeGitlab:
    """What a test does there without a browser: people, projects, tokens, pushes, pipelines, and trouble.

    `asked` are all questions as (method, path); `faults` make the next ones fail.
    """

    folder: Path
    world: World = field(default_factory=World)
    faults: Faults = field(default_factory=Faults)
    keys: Keys = field(default_factory=Keys)
    asked: list[tuple[str, str]] = field(default_factory=list)
    encrypted: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    sender: Sender = field(init=False)
    _http: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    _commits: int = 0

    def __post_init__(self) -> None:
        self.sender = Sender(self.world)
        self._routes = build_routes(self.sender, self.keys)

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self.world.url

    def person(self, username: str, *, email: str | None = None, admin: bool = False) -> Person:
        """Somebody with an account."""
        made = Person(self.world.number(), username, username.title(), email or f"{username}@example.org", admin)
        self.world.people[made.id] = made
        return made

    def project(
        self, path: str, files: Mapping[str, bytes] | None = None, *, visibility: str = "private", owner: Person | None = None
    ) -> Project:
        """A project with a repository, and with these files on `main`."""
        number = self.world.number()
        repository = BareRepository.create(self.folder / "repositories" / f"{number}.git")
        made = Project(number, path, repository, visibility, self.world.now())
        self.world.projects[number] = made
        if owner is not None:
            made.members[owner.id] = 50
        if files:
            self.commit(made, files)
        return made

    def rename(self, project: Project, path: str) -> None:
        """Move a project to another path; its number stays."""
        project.path = path

    def member(self, project: Project, person: Person, level: int) -> None:
        """Give somebody an access level; 0 takes it back."""
        project.members[person.id] = level
        if level == 0:
            del project.members[person.id]

    def personal_token(self, person: Person, scopes: Sequence[str], *, seconds: float | None = None) -> str:
        """A personal access token, for `seconds`."""
        return self.world.add_token("personal", person, scopes, self._after(seconds)).value

    def oauth_token(self, person: Person, scopes: Sequence[str], *, seconds: float | None = 7200.0) -> str:
        """A token of an application that somebody let in; sent as Bearer."""
        return self.world.add_token("oauth", person, scopes, self._after(seconds)).value

    def project_token(
        self, project: Project, scopes: Sequence[str], *, level: int = MAINTAINER, seconds: float = 30 * _DAY
    ) -> str:
        """A project access token."""
        return project_token(self.world, project, scopes, level, self._after(seconds), "tagstone").value

    def job_token(self, project: Project, person: Person) -> str:
        """A job's CI_JOB_TOKEN; it may what its person may, where job tokens work."""
        level = project.members.get(person.id, 0)
        return self.world.add_token("job", person, [], self._after(3600.0), project=project.id, level=level).value

    def revoke(self, value: str) -> None:
        """Let a token be worth nothing from now on."""
        for token in self.world.tokens:
            token.revoked = token.revoked or token.value == value

    def advance(self, seconds: float) -> None:
        """Move this GitLab's clock forward."""
        self.world.offset += seconds

    def commit(self, project: Project, files: Mapping[str, bytes], message: str = "a commit") -> str:
        """Commit to `main`, each a minute after the one before; the commit's id."""
        self._commits += 1
        when = _STARTED + 60.0 * self._commits
        return project.repository.commit(files, message, ("Ada", "ada@example.org"), when)

    def push_tag(self, project: Project, tag: str, by: Person, *, target: str = "main", message: str | None = None) -> str:
        """Set one tag, on what `target` names, and send what hooks want to know; the commit's id."""
        self.push_tags(project, {tag: target}, by, message=message)
        return project.repository.commit_of(f"refs/tags/{tag}")

    def push_tags(self, project: Project, tags: Mapping[str, str], by: Person, *, message: str | None = None) -> None:
        """Push several tags at once: tag and what it is set on."""
        before = project.repository.refs()
        for tag, target in tags.items():
            self._commits += 1
            project.repository.tag(tag, target, message, (by.name, by.email), _STARTED + 60.0 * self._commits)
        self._pushed(project, by, before)

    def delete_tag(self, project: Project, tag: str, by: Person) -> None:
        """Delete a tag; hooks hear of that too."""
        before = project.repository.refs()
        project.repository.git("tag", "-d", "--", tag)
        self._pushed(project, by, before)

    def protect(self, project: Project, name: str, level: int = MAINTAINER) -> None:
        """Protect tags by name or wildcard."""
        project.protected[name] = level

    def pipeline(self, project: Project, tag: str, status: str = "success") -> int:
        """A pipeline of a tag comes to a status, and hooks hear of it; its number."""
        number = self.world.number()
        self.sender.announce(project, "pipeline_events", pipeline_event(self.world, project, tag, status, number))
        return number

    def announce_release(self, project: Project, tag: str, action: str = "create") -> None:
        """Send what a release's hooks want to know."""
        self.sender.announce(project, "releases_events", release_event(self.world, project, project.releases[tag], action))

    def system_hook(self, url: str, *, signing: str | None = None, secret: str | None = None) -> Hook:
        """A hook of the whole GitLab: of all that we want it has pushed tags only [src: SystemHook]."""
        hook = Hook(self.world.number(), url, None, {"tag_push_events": True}, signing, secret)
        self.world.system_hooks[hook.id] = hook
        return hook

    def group_hook(self, group: str, url: str, *, signing: str | None = None) -> Hook:
        """A hook of all projects below a group, which says what a project's own says [doc: webhooks.md#group-webhooks]."""
        events = dict.fromkeys(("tag_push_events", "releases_events", "pipeline_events"), True)
        hook = Hook(self.world.number(), url, None, events, signing, group=group)
        self.world.group_hooks[hook.id] = hook
        return hook

    def deliveries(self) -> list[Sent]:
        """All that hooks were sent, once everything is."""
        return self.sender.settle()

    def id_token(
        self,
        project: Project,
        tag: str,
        audience: str,
        by: Person,
        *,
        algorithm: str = "RS256",
        kid: str | None = None,
        stranger: bool = False,
        without: Sequence[str] = (),
        **changed: Any,
    ) -> str:
        """An id_token of a job in a tag's pipeline; `changed` claims replace GitLab's, those in `without` are left out.

        `algorithm` none and HS256 (with the public key), a made-up `kid`, and a `stranger`'s key are how attackers write them.
        """
        told = identity.claims(self.world, project, tag, audience, by) | changed
        told = {name: value for name, value in told.items() if name not in without}
        return identity.sign(self.keys, told, algorithm=algorithm, kid=kid, stranger=stranger)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody listens at its address while the context is open."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def start(self) -> None:
        """Listen, at the same port as before."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        self._http = ThreadingHTTPServer((self.host, port), lambda *given: _Handler(self, *given))
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients break off on purpose
        if self.encrypted is not None:
            self._http.socket = self.encrypted.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        name = "localhost" if self.encrypted is not None and self.host == "127.0.0.1" else self.host
        scheme = "http" if self.encrypted is None else "https"
        self.world.url = f"{scheme}://{name}:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()

    def answer(self, call: Call) -> Reply | None:
        """What a question is answered; None where the answer is lost."""
        self.asked.append((call.method, call.path))
        fault = self.faults.take(call.method, call.path)
        if fault is not None and fault.silence:
            time.sleep(fault.silence)
        if fault is not None and not fault.after:
            return fault.reply
        found = git_project(call.path)
        if found:
            reply = answer_git_call(call, found, self._pushed_by)
        else:
            reply = answer_api(self.world, self._routes, call)
            self._tell(call, reply)
        return reply if fault is None else fault.reply

    def _tell(self, call: Call, reply: Reply) -> None:
        """Hooks hear of releases that were made or changed [doc]."""
        if call.path.endswith("/releases") and reply.status == 201 and call.method == "POST":
            project = self.world.find(call.given["project"])
            if project is not None:
                self.announce_release(project, str(reply.document["tag_name"]))

    def _pushed_by(self, project: Project, call: Call, before: Mapping[str, str]) -> None:
        if call.person is not None:
            self._pushed(project, call.person, before)

    def _pushed(self, project: Project, by: Person, before: Mapping[str, str]) -> None:
        now, start = project.repository.refs(), "refs/tags/"
        names = sorted(name for name in {**before, **now} if name.startswith(start) and before.get(name) != now.get(name))
        changes = [(name.removeprefix(start), before.get(name, _ZEROS), now.get(name, _ZEROS)) for name in names]
        for payload in tag_pushes(self.world, project, changes, by):
            self.sender.announce(project, "tag_push_events", payload)

    def _after(self, seconds: float | None) -> float | None:
        return None if seconds is None else self.world.now() + seconds


@contextmanager
def running_gitlab(folder: Path, encrypted: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[FakeGitlab]:
    """A GitLab whose repositories are below `folder`, until the context ends; over HTTPS where it is `encrypted`."""
    gitlab = FakeGitlab(folder, encrypted=encrypted, host=host)
    gitlab.start()
    try:
        yield gitlab
    finally:
        gitlab.stop()
        gitlab.sender.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, gitlab: FakeGitlab, *given: Any) -> None:
        self._gitlab = gitlab
        super().__init__(*given)

    def _answer(self) -> None:
        self.close_connection = True
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self._gitlab.world, self.command, path, dict(parse_qsl(query)), headers, self._body())
        reply = self._gitlab.answer(call)
        if reply is None:
            return
        content = reply.body if reply.document is None else json.dumps(reply.document).encode()
        self.send_response(reply.status)
        kind = {"Content-Type": "application/json"} if reply.document is not None else {}
        for name, value in {**kind, **reply.headers, "Content-Length": str(len(content)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        """A body of a said length, or in chunks, as Git sends large ones."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        pieces = list(iter(self._chunk, b""))
        self.rfile.readline()
        return b"".join(pieces)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().partition(b";")[0], 16)
        piece = self.rfile.read(size)
        if size:
            self.rfile.readline()
        return piece

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - named by the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""
