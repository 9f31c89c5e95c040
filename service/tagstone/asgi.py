"""The web application: pages for people, the API for programs under `/api/v1`, and images for engines under `/v2/`."""

from functools import partial

from fastapi import FastAPI

from tagstone.actions.take_in import Intake
from tagstone.api.app import create_api
from tagstone.api.registry import registry_router
from tagstone.bootstrap import Application
from tagstone.domain.people.viewer import NOBODY, Right
from tagstone.edges.entrance import Entrance
from tagstone.store import search, visible
from tagstone.web.app import create_pages
from tagstone.web.place import Place


def create_app(application: Application) -> FastAPI:
    """The web application; it opens the database now, so that a wrong one is an error at the start."""
    # A registry of its own hands its images out itself, to whom it wants to.
    embedded = application.settings.builds.registry is None
    place = Place(application.url, serves_images=embedded)
    _index(application)
    entrance = application.entrance
    requests = application.forges.requests if application.settings.forges else None
    app = create_pages(application.storage, application.home, place, entrance, application.queue, application.sign_in, requests)
    intake = Intake(
        application.sessions,
        application.queue,
        application.clock,
        application.forges.projects,
        application.forge,
        application.registry,
        application.forges.job_registries,
    )
    app.mount(
        "/api/v1",
        create_api(entrance, application.queue, application.storage, intake, application.forges.requests, application.url),
    )
    if embedded:
        app.include_router(registry_router(application.registry, partial(_closed, application, entrance)))
    return app


def _closed(application: Application, entrance: Entrance, image: str) -> bool:
    """Whether an image belongs to what is not for everybody only: withdrawn, closed, not released."""
    with application.sessions.read() as session:
        seen = partial(entrance.access.allows, session, NOBODY, Right.SEE)
        return visible.image_is_closed(session, image, application.clock.now(), seen)


def _index(application: Application) -> None:
    """Let the catalogue's search find what an earlier version published."""
    indexed = 1
    while indexed:
        with application.sessions.write() as session:
            indexed = search.index_missing(session)
