"""The API as an application of its own, which the web process mounts beside its pages."""

from typing import Any

from fastapi import FastAPI

from tagstone import __version__
from tagstone.actions.requests import Requests
from tagstone.actions.take_in import Intake
from tagstone.api import problems
from tagstone.api.projects import Projects
from tagstone.api.publications import Publications
from tagstone.api.records import Records
from tagstone.api.registrations import Registrations
from tagstone.api.schemas import Problem
from tagstone.edges.body_limit import BodyLimit
from tagstone.edges.entrance import Entrance
from tagstone.ports import Storage, WorkQueue

_MOST = 8 << 20  # bytes: a manifest of a million characters, each of them escaped
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "model": Problem,
        "description": told,
        "content": {problems.MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, told in (
        (401, "The token is not good"),
        (403, "Not allowed"),
        (404, "There is nothing here for you"),
        (410, "It was withdrawn"),
        (422, "What was sent is wrong"),
        (503, "Try again later"),
    )
}


def create_api(entrance: Entrance, queue: WorkQueue, storage: Storage, intake: Intake, requests: Requests, url: str) -> FastAPI:
    """Everything under /api/v1; `url` is the address that people see."""
    app = FastAPI(
        title="Tagstone",
        version=__version__,
        description="Publications, projects and records. Errors are problem+json (RFC 9457).",
        servers=[{"url": "/api/v1"}],
        root_path_in_servers=False,
        docs_url=None,
        redoc_url=None,
        responses=_ERRORS,
    )
    app.state.entrance = entrance
    app.add_middleware(BodyLimit, most=_MOST)
    problems.install(app)
    for part in (
        Publications(entrance, queue, storage, intake, url),
        Projects(entrance),
        Records(entrance, url),
        Registrations(entrance, requests),
    ):
        app.include_router(part.router())
    return app
