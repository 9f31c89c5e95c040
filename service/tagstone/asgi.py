"""The web process: pages for people, and images for engines under `/v2/`."""

import uvicorn
from fastapi import FastAPI

from tagstone.api.registry import registry_router
from tagstone.bootstrap import Application
from tagstone.web.app import create_pages
from tagstone.web.record_page import Place


def create_app(application: Application) -> FastAPI:
    """The web application; it opens the database now, so that a wrong one is an error at the start."""
    # A registry of its own hands its images out itself, to whom it wants to.
    embedded = application.settings.builds.registry is None
    place = Place(application.url, serves_images=embedded)
    app = create_pages(application.sessions, application.storage, application.clock, application.home, place)
    if embedded:
        app.include_router(registry_router(application.registry))
    return app


def serve(application: Application) -> None:
    """Serve until a signal ends it, at the address that is set (the loopback address unless somebody wants more)."""
    serving = application.settings.serving
    uvicorn.run(create_app(application), host=serving.host, port=serving.port, server_header=False, log_level="warning")
