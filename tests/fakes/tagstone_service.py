"""A scripted Tagstone service on loopback, as CI jobs speak to it: hands out publications and says how they stand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fakes.scripted_server import Reply, ScriptedServer, scripted_server

ID = "p0123456789abcdef"
IMAGE = "registry.example.org/wobble@sha256:" + "a" * 64
PUBLISHED: dict[str, Any] = {
    "doi": "10.5281/zenodo.7654321",
    "concept_doi": "10.5281/zenodo.7654320",
    "record": "https://rdm.example.org/records/7654321",
    "image": IMAGE,
}


@dataclass(frozen=True)
class ScriptedService:
    """The service's answers, in the words of its API."""

    server: ScriptedServer

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    def takes(self, *before: Reply) -> None:
        """Answer a hand-in with 202, after these."""
        said = {"publication": ID, "state": "queued", "url": f"{self.url}/publications/{ID}", "new": True}
        self.server.script("POST", "/api/v1/publications", *before, Reply(202, said))

    def stands(self, *replies: Reply) -> None:
        """Answer looks with these; the last one stays."""
        self.server.script("GET", f"/api/v1/publications/{ID}", *replies)


def standing(state: str, **more: Any) -> Reply:
    """How the publication stands."""
    names = ("step", "waiting", "error", "remedy", "doi", "concept_doi", "record", "image")
    about = {"id": ID, "project": "wobble", "tag": "v1.0.0", "commit": "c" * 40, "state": state}
    return Reply(200, about | dict.fromkeys(names) | more)


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Reply:
    """A refusal as problem+json."""
    return Reply(status, {"type": "about:blank", "title": title, "status": status, "detail": detail}, headers=headers or {})


@contextmanager
def scripted_service() -> Iterator[ScriptedService]:
    """A service that takes what is handed in and publishes it at once, until the context ends."""
    with scripted_server() as server:
        service = ScriptedService(server)
        service.takes()
        service.stands(standing("published", **PUBLISHED))
        yield service
