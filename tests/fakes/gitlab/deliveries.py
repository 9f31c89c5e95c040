"""Hooks: how GitLab sends what happened, and when it stops [doc: webhooks.md, webhook_events.md; src: WebHookService]."""

import base64
import hashlib
import hmac
import json
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from fakes.gitlab.state import Hook, Json, Person, Project, Release, World, stamp

VERSION = "19.1.0"
MOST_AT_ONCE = 3
_NAMES = {"tag_push_events": "Tag Push Hook", "releases_events": "Release Hook", "pipeline_events": "Pipeline Hook"}
_TIMEOUT = 10.0
_FAILURES, _FAILURES_FOR_GOOD = 4, 40
_SHORTEST, _LONGEST = 60.0, 86_400.0
_ZEROS = "0" * 40


@dataclass(frozen=True)
class Sent:
    """One delivery: what was sent, and the status that came back; None where none did."""

    hook: int
    headers: dict[str, str]
    body: bytes
    status: int | None


@dataclass
class Sender:
    """Sends in the background, each delivery once: a failed one is not sent again [src: WebHookService]."""

    world: World
    timeout: float = _TIMEOUT
    sent: list[Sent] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))
    _waiting: list["Future[Sent]"] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # its own: a hook is tried out inside of a call

    def announce(self, project: Project, event: str, payload: Json) -> None:
        """Send to the hooks of the project, its groups and the system that want this event and are not disabled."""
        groups = [hook for hook in self.world.group_hooks.values() if project.path.startswith(f"{hook.group}/")]
        for hook in (*project.hooks.values(), *groups, *self.world.system_hooks.values()):
            if hook.events.get(event) and not self.is_disabled(hook):
                self.send(hook, event, _of_system(payload) if hook.id in self.world.system_hooks else payload)

    def send(self, hook: Hook, event: str, payload: Json, *, key: str | None = None) -> "Future[Sent]":
        """Send to one hook; `key` is that of an earlier delivery, which is resent under it [doc]."""
        body = json.dumps(payload).encode()
        headers = self._headers(hook, event, body, key or str(uuid.uuid4()))
        sending = self._pool.submit(self._deliver, hook, headers, body)
        self._waiting.append(sending)
        return sending

    def resend(self, hook: Hook, sent: Sent) -> "Future[Sent]":
        """Send a delivery again: the same key and body, another time and signature [doc: Idempotency-Key]."""
        event = next(name for name, shown in _NAMES.items() if shown == sent.headers["X-Gitlab-Event"])
        return self.send(hook, event, json.loads(sent.body), key=sent.headers["webhook-id"])

    def settle(self, seconds: float = 30.0) -> list[Sent]:
        """Wait until everything was sent; all deliveries so far."""
        while self._waiting:
            self._waiting.pop().result(seconds)
        return self.sent

    def is_disabled(self, hook: Hook) -> bool:
        """After 4 failures in a row a hook rests a minute, doubled up to a day; after 40 until a test succeeds [doc; src]."""
        if hook.failures >= _FAILURES_FOR_GOOD:
            return True
        return hook.until is not None and hook.until > self.world.now()

    def close(self) -> None:
        """Send nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _headers(self, hook: Hook, event: str, body: bytes, key: str) -> dict[str, str]:
        """All headers of 19.1 [doc]; the signature is that of Standard Webhooks, and there where a signing token is."""
        moment = str(int(self.world.now()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"GitLab/{VERSION}",
            "X-Gitlab-Event": "System Hook" if hook.id in self.world.system_hooks else _NAMES[event],
            "X-Gitlab-Instance": self.world.url,
            "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
            "X-Gitlab-Event-UUID": str(uuid.uuid4()),
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": moment,
        }
        if hook.secret:
            headers["X-Gitlab-Token"] = hook.secret
        if hook.signing:
            secret = base64.b64decode(hook.signing.removeprefix("whsec_"))
            signed = hmac.digest(secret, f"{key}.{moment}.".encode() + body, hashlib.sha256)
            headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
        return headers

    def _deliver(self, hook: Hook, headers: dict[str, str], body: bytes) -> Sent:
        status: int | None = None
        try:
            with requests.post(hook.url, data=body, headers=headers, timeout=self.timeout, allow_redirects=False) as answer:
                status = answer.status_code
        except requests.RequestException:
            status = None
        sent = Sent(hook.id, headers, body, status)
        with self._lock:
            self.sent.append(sent)
            self._count(hook, failed=status is None or status >= 400)
        return sent

    def _count(self, hook: Hook, *, failed: bool) -> None:
        """2xx and redirects are successes, all else is a failure [src]."""
        if not failed:
            hook.failures, hook.until = 0, None
            return
        hook.failures += 1
        if hook.failures >= _FAILURES:
            hook.until = self.world.now() + min(_SHORTEST * 2.0 ** (hook.failures - _FAILURES), _LONGEST)


def tag_pushes(world: World, project: Project, changes: Sequence[tuple[str, str, str]], person: Person) -> list[Json]:
    """A payload for each (tag, before, after); none at all when more than three changed at once [doc: push_event_hooks_limit]."""
    if len(changes) > MOST_AT_ONCE:
        return []
    return [_tag_push(world, project, change, person) for change in changes]


def _of_system(payload: Json) -> Json:
    """What system hooks are sent of a pushed tag: no kind, and a project without its number [doc: system_hooks.md#tag-events]."""
    project = {name: value for name, value in payload["project"].items() if name != "id"}
    return {name: value for name, value in payload.items() if name != "object_kind"} | {"project": project}


def _tag_push(world: World, project: Project, change: tuple[str, str, str], person: Person) -> Json:
    """[doc: webhook_events.md#tag-events]; `checkout_sha` is the commit, null for a deleted tag [src: build_push_data]."""
    tag, before, after = change
    commit = None if after == _ZEROS else project.repository.commit_of(after)
    return {
        "object_kind": "tag_push",
        "event_name": "tag_push",
        "before": before,
        "after": after,
        "ref": f"refs/tags/{tag}",
        "ref_protected": project.is_protected(tag),
        "checkout_sha": commit,
        "message": None,
        "user_id": person.id,
        "user_name": person.name,
        "user_username": person.username,
        "user_email": person.email,
        "project_id": project.id,
        "project": _project(world, project),
        "commits": [],
        "total_commits_count": 0,
    }


def release_event(world: World, project: Project, release: Release, action: str) -> Json:
    """[doc: webhook_events.md#release-events]."""
    page = f"{world.url}/{project.path}/-/releases/{release.tag}"
    return {
        "object_kind": "release",
        "action": action,
        "id": 1,
        "tag": release.tag,
        "name": release.name,
        "description": release.description,
        "created_at": stamp(release.created_at),
        "released_at": stamp(release.created_at),
        "url": page,
        "project": _project(world, project),
        "assets": {"count": len(release.links), "links": list(release.links.values()), "sources": []},
        "commit": {"id": project.repository.commit_of(f"refs/tags/{release.tag}")},
    }


def pipeline_event(world: World, project: Project, tag: str, status: str, number: int) -> Json:
    """[doc: webhook_events.md#pipeline-events]; what is read of it."""
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": number,
            "iid": 1,
            "ref": tag,
            "tag": True,
            "sha": project.repository.commit_of(f"refs/tags/{tag}"),
            "before_sha": _ZEROS,
            "source": "push",
            "status": status,
            "detailed_status": status,
            "url": f"{world.url}/{project.path}/-/pipelines/{number}",
        },
        "project": _project(world, project),
        "builds": [],
    }


def _project(world: World, project: Project) -> Json:
    address = f"{world.url}/{project.path}"
    return {
        "id": project.id,
        "name": project.path.rpartition("/")[2],
        "web_url": address,
        "git_http_url": f"{address}.git",
        "path_with_namespace": project.path,
        "namespace": project.path.partition("/")[0],
        "default_branch": "main",
        "visibility_level": {"private": 0, "internal": 10, "public": 20}[project.visibility],
    }
