"""An installation with two registered projects and their hooks, and a receiver in front of it."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fakes.installation import NOW, Installation
from fakes.queue import FakeQueue
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.store.tables import Delivery, Hook, Project, Registration
from tagstone_webhooks.app import create_app
from tagstone_webhooks.receive import Receiver

SIGNING = "whsec_" + base64.b64encode(b"s" * 32).decode()
SECRET = "a token that GitLab repeats"
SHA = "82b3d5ae55f7080f1e6022629cdb57bfae7cccc7"


def pushed(tag: str = "v1.0.0", project: int = 17) -> dict[str, Any]:
    """What GitLab says when a tag was pushed."""
    return {
        "object_kind": "tag_push",
        "event_name": "tag_push",
        "before": "0" * 40,
        "after": "a" * 40,
        "ref": f"refs/tags/{tag}",
        "ref_protected": True,
        "checkout_sha": SHA,
        "user_email": "ada@example.org",
        "project_id": project,
    }


@dataclass
class Receiving:
    """A receiver with its database and queue, spoken to as GitLab speaks."""

    installation: Installation
    queue: FakeQueue
    vault: FernetVault
    receiver: Receiver = field(init=False)
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.receiver = Receiver(self.installation.sessions, self.queue, self.vault, self.installation.clock)

    def hook(self, name: str, *, registration: int | None, signing: str | None = None, secret: str | None = None) -> None:
        """A hook with these tokens."""
        sealed = [self.vault.seal(token) if token else None for token in (signing, secret)]
        scope = "system" if registration is None else "project"
        row = Hook(id=name, forge="gitlab", scope=scope, registration_id=registration, created_at=NOW)
        row.signing, row.secret = sealed
        with self.installation.sessions.write() as session:
            session.add(row)

    def project(self, remote: int, standing: Standing = Standing.ACTIVE) -> int:
        """A registered project; its number here."""
        with self.installation.sessions.write() as session:
            project = Project(key=f"gitlab.test/{remote}", name="wobble", location=f"gitlab:{remote}", created_at=NOW)
            session.add(project)
            session.flush()
            row = Registration(forge="gitlab", remote=remote, path="stars/wobble", project_id=project.id, standing=standing)
            row.builder, row.asked_by, row.since = ImageBuilder.SERVICE, "ada", NOW
            session.add(row)
            session.flush()
            return row.id

    def send(self, payload: Any, hook: str = "mine", *, key: str = "one", age: float = 0, **headers: str) -> Any:
        """Deliver as GitLab does, signed; headers given here replace its own (empty: left out)."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        said = self.headers(body, key, age) | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/hooks/{hook}", content=body, headers={n: v for n, v in said.items() if v})

    def send_at_once(self, payloads: Sequence[Any]) -> list[int]:
        """Deliver all of these to `mine` at the same moment, each with an id of its own; the statuses of the answers."""
        app, bodies = create_app(self.receiver), [json.dumps(payload).encode() for payload in payloads]

        async def together() -> list[int]:
            return await asyncio.gather(
                *(asked(app, self.headers(body, f"k{number}"), whole(body)) for number, body in enumerate(bodies))
            )

        return asyncio.run(together())

    async def deliver(self, receiver: Receiver, key: str) -> int:
        """The status that a receiver answers with to a pushed tag, delivered to `mine`."""
        body = json.dumps(pushed(key)).encode()
        return await asked(create_app(receiver), self.headers(body, key), whole(body))

    def headers(self, body: bytes, key: str, age: float = 0) -> dict[str, str]:
        """What GitLab says with a body, signed so many seconds ago."""
        when = datetime.now(UTC) - timedelta(seconds=age)
        return {
            "content-type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": str(int(when.timestamp())),
            "webhook-signature": Webhook(SIGNING).sign(key, when, body.decode("utf-8", "replace")),
        }

    def deliveries(self) -> list[Delivery]:
        """Everything that was written down."""
        with self.installation.sessions.read() as session:
            return list(session.query(Delivery).order_by(Delivery.id))


Coming = Callable[[], Awaitable[dict[str, Any]]]


async def asked(app: Starlette, headers: dict[str, str], coming: Coming) -> int:
    """What a delivery to `mine` is answered whose body comes piece by piece, as ASGI knows them."""
    statuses: list[int] = []

    async def answer(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/hooks/mine", "query_string": b"", "headers": raw}
    with suppress(RuntimeError):  # what breaks is answered, and then raised for the server's log
        await app(scope, coming, answer)
    return statuses[0]


def whole(body: bytes) -> Coming:
    """A body that comes at once."""

    async def piece() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return piece


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    """Two registered projects; `mine` and `tokened` are hooks of the first, `all` is the whole GitLab's."""
    installation, queue = Installation(tmp_path), FakeQueue()
    made = Receiving(installation, queue, FernetVault([new_key()]))
    first = made.project(17)
    made.project(18)
    made.hook("mine", registration=first, signing=SIGNING)
    made.hook("tokened", registration=first, secret=SECRET)
    made.hook("moving", registration=first, signing=SIGNING, secret=SECRET)
    made.hook("bare", registration=first)
    made.hook("all", registration=None, signing=SIGNING)
    with TestClient(create_app(made.receiver), raise_server_exceptions=False) as client:
        made.client = client
        yield made
    installation.close()
