"""The pages as one web application; `tagstone.asgi` adds the images."""

from pathlib import Path

from fastapi import FastAPI

from tagstone import __version__
from tagstone.actions.requests import Requests
from tagstone.actions.sign_in import SignIn
from tagstone.edges.entrance import Entrance
from tagstone.ports import Storage, WorkQueue
from tagstone.web import problems
from tagstone.web.account import Account
from tagstone.web.audit import AuditLog
from tagstone.web.badges import Badges
from tagstone.web.decisions import Decisions
from tagstone.web.events import Events
from tagstone.web.headers import SecurityHeaders
from tagstone.web.pages import Pages
from tagstone.web.place import Place
from tagstone.web.records import Records
from tagstone.web.registrations import Registrations
from tagstone.web.rendering import Rendering
from tagstone.web.renditions import Renditions
from tagstone.web.sources import Sources
from tagstone.web.static_files import Static


def create_pages(
    storage: Storage,
    home: Path,
    place: Place,
    entrance: Entrance,
    queue: WorkQueue,
    sign_in: SignIn | None = None,
    requests: Requests | None = None,
) -> FastAPI:
    """All pages, their style, and errors for people; bundles and previews are below `home`.

    Without `sign_in` nobody signs in, and the pages only show; without `requests` nobody asks for a registration.
    """
    asking = sign_in is not None and requests is not None
    rendering = Rendering(place.root, accounts=sign_in is not None, asking=asking)
    sources = Sources(
        entrance.sessions,
        storage,
        entrance.clock,
        home,
        place,
        rendering,
        Renditions(home / "previews"),
        entrance.access,
    )
    # Without the generated documentation: it loads scripts from other hosts.
    app = FastAPI(title="Tagstone", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.entrance = entrance
    app.add_middleware(SecurityHeaders)
    problems.install(app, rendering)
    for part in (Pages(sources), Records(sources), Events(sources), Badges(sources)):
        app.include_router(part.router())
    if sign_in is not None:
        app.include_router(Account(sign_in, entrance, rendering, place.root).router())
        app.include_router(Decisions(entrance, queue, place.root).router())
        if requests is not None:
            app.include_router(Registrations(requests, entrance, rendering, place.root).router())
        app.include_router(AuditLog(entrance, rendering).router())
    app.mount("/static", Static())
    return app
