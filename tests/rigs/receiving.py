"""A receiver in processes of its own, a registered project whose hook delivers to it, and what was written of that."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from dbos import DBOSClient
from sqlalchemy import text

from tagstone.adapters.vault import FernetVault, new_key
from tagstone.adapters.workqueue import APPLICATION, DELIVERIES_WORKFLOW, DurableQueue
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.store.migrations import upgrade
from tagstone.store.session import Sessions, build_engine
from tagstone.store.tables import Hook, Project, Registration

HOOK = "5" * 32
_PROJECT = 17
SECRET = "s" * 32
_SHA = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"
_STARTING = 120.0


@dataclass(frozen=True)
class Site:
    """A database with one registered project, and the key that its hook's token is sealed with."""

    url: str
    key: str

    @classmethod
    def prepare(cls, url: str) -> "Site":
        """Make tables and rows."""
        engine = build_engine(url, 30.0)
        upgrade(engine)
        DurableQueue(engine).prepare()
        site = cls(url, new_key())
        signing = FernetVault([site.key]).seal(f"whsec_{base64.b64encode(SECRET.encode()).decode()}")
        with Sessions(engine).write() as session:
            project = Project(key="gitlab.test/stars/wobble", name="wobble", location="gitlab:lab/17", created_at=1.0)
            session.add(project)
            session.flush()
            row = Registration(
                forge="lab", remote=_PROJECT, path="stars/wobble", project_id=project.id, standing=Standing.ACTIVE
            )
            row.builder, row.asked_by, row.since = ImageBuilder.SERVICE, "ada", 1.0
            session.add(row)
            session.flush()
            session.add(Hook(id=HOOK, forge="lab", scope="project", registration_id=row.id, signing=signing, created_at=1.0))
        engine.dispose()
        return site

    def environment(self, home: Path, port: int, processes: int) -> dict[str, str]:
        """What a receiver is started with, and nothing of a service's."""
        return {
            "PATH": os.environ["PATH"],
            "TAGSTONE_HOME": str(home),
            "TAGSTONE_DATABASE__URL": self.url,
            "TAGSTONE_HOOK_KEYS": json.dumps([self.key]),
            "TAGSTONE_RECEIVING__PORT": str(port),
            "TAGSTONE_RECEIVING__PROCESSES": str(processes),
        }

    def written(self) -> dict[str, int]:
        """The numbers of all deliveries, by their ids at the forge."""
        return dict(self._rows("SELECT key, id FROM deliveries"))

    def queued(self) -> list[int]:
        """The numbers of the deliveries whose work is queued, in order, each as often as it is."""
        engine = build_engine(self.url, 30.0)
        client = DBOSClient(system_database_engine=engine, application_name=APPLICATION)
        works = client.list_workflows(load_output=False)
        client.destroy()
        engine.dispose()
        inputs = [(work.name, work.input["args"][0]) for work in works if work.input]
        assert len(inputs) == len(works)
        return sorted(number for name, about in inputs for number in (about if name == DELIVERIES_WORKFLOW else [about]))

    def _rows(self, question: str) -> list[Any]:
        engine = build_engine(self.url, 30.0)
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(question))]
        engine.dispose()
        return rows


def delivery(key: str, tag: str = "v1.0.0") -> bytes:
    """What GitLab sends when a tag was pushed, signed now, as bytes of HTTP; the peer of the benchmarks finds its own signature."""
    body = json.dumps(_payload(tag)).encode()
    moment = str(int(time.time()))
    signature = base64.b64encode(hmac.digest(SECRET.encode(), f"{key}.{moment}.".encode() + body, hashlib.sha256)).decode()
    headers = {
        "Host": "127.0.0.1",
        "Connection": "close",
        "Content-Type": "application/json",
        "User-Agent": "GitLab/19.1.0",
        "X-Gitlab-Event": "Tag Push Hook",
        "X-Gitlab-Instance": "https://gitlab.example.org",
        "X-Gitlab-Webhook-UUID": key,
        "X-Gitlab-Event-UUID": key,
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{signature}",
        "X-Hub-Signature-256": f"sha256={hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()}",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /hooks/{HOOK} HTTP/1.1\r\n{head}\r\n".encode() + body


def _payload(tag: str) -> dict[str, object]:
    """[doc: webhook_events.md#tag-events], as long as GitLab's own."""
    address = "https://gitlab.example.org/stars/wobble"
    return {
        "object_kind": "tag_push",
        "event_name": "tag_push",
        "before": "0" * 40,
        "after": _SHA,
        "ref": f"refs/tags/{tag}",
        "ref_protected": True,
        "checkout_sha": _SHA,
        "message": "The first version that others can use",
        "user_id": 1,
        "user_name": "Ada Lovelace",
        "user_username": "ada",
        "user_email": "ada@example.org",
        "user_avatar": f"https://avatars.example.org/{'d' * 32}?s=80&d=identicon",
        "project_id": _PROJECT,
        "project": {
            "id": _PROJECT,
            "name": "wobble",
            "description": "How the pole wobbles",
            "web_url": address,
            "avatar_url": None,
            "git_ssh_url": "git@gitlab.example.org:stars/wobble.git",
            "git_http_url": f"{address}.git",
            "namespace": "stars",
            "visibility_level": 20,
            "path_with_namespace": "stars/wobble",
            "default_branch": "main",
            "ci_config_path": None,
            "homepage": address,
            "url": "git@gitlab.example.org:stars/wobble.git",
            "ssh_url": "git@gitlab.example.org:stars/wobble.git",
            "http_url": f"{address}.git",
        },
        "commits": [
            {
                "id": _SHA,
                "message": "Say how the pole wobbles\n",
                "title": "Say how the pole wobbles",
                "timestamp": "2026-11-21T12:00:00+00:00",
                "url": f"{address}/-/commit/{_SHA}",
                "author": {"name": "Ada Lovelace", "email": "ada@example.org"},
                "added": ["CHANGELOG.md"],
                "modified": ["analysis.py", "tagstone.yml"],
                "removed": [],
            }
        ],
        "total_commits_count": 1,
        "push_options": {},
        "repository": {
            "name": "wobble",
            "url": "git@gitlab.example.org:stars/wobble.git",
            "description": "How the pole wobbles",
            "homepage": address,
            "git_http_url": f"{address}.git",
            "git_ssh_url": "git@gitlab.example.org:stars/wobble.git",
            "visibility_level": 20,
        },
    }


@dataclass
class RunningReceiver:
    """A receiver that listens; `complaints` is what it said on standard error."""

    process: "subprocess.Popen[bytes]"
    port: int
    complaints: Path

    def kill(self) -> None:
        """End it and its children at once, in the middle of whatever it does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running_receiver(site: Site, home: Path, processes: int = 1) -> Iterator[RunningReceiver]:
    """A receiver as its command starts it, until the context ends."""
    home.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    complaints = home / "receiver.log"
    command = [sys.executable, "-m", "tagstone_webhooks", "serve"]
    with complaints.open("ab") as log:
        process = subprocess.Popen(command, env=site.environment(home, port, processes), stderr=log, start_new_session=True)
    receiver = RunningReceiver(process, port, complaints)
    try:
        _wait(receiver)
        yield receiver
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _wait(receiver: RunningReceiver) -> None:
    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline:
        try:
            requests.get(f"http://127.0.0.1:{receiver.port}/health", timeout=5)
        except requests.ConnectionError:
            assert receiver.process.poll() is None, receiver.complaints.read_text()
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("The receiver did not start.")
