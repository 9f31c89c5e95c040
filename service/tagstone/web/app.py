"""The pages as one web application; `tagstone.asgi` adds the images."""

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from tagstone import __version__
from tagstone.ports import Clock, Storage
from tagstone.store.session import Sessions
from tagstone.web import problems
from tagstone.web.headers import SecurityHeaders
from tagstone.web.pages import Pages
from tagstone.web.record_page import Place
from tagstone.web.rendering import Rendering

_STATIC = Path(__file__).parent / "static"


def create_pages(sessions: Sessions, storage: Storage, clock: Clock, home: Path, place: Place) -> FastAPI:
    """All pages, their style, and errors for people; bundles are read below `home`."""
    rendering = Rendering(place.root)
    # Without the generated documentation: it loads scripts from other hosts.
    app = FastAPI(title="Tagstone", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(SecurityHeaders)
    problems.install(app, rendering)
    app.include_router(Pages(sessions, storage, clock, home, place, rendering).router())
    app.mount("/static", StaticFiles(directory=_STATIC))
    return app
