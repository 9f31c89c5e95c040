"""A project's badge: the DOI of its newest record as a small picture, for pages elsewhere, and where it leads."""

from html import escape

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from tagstone.edges.ids import Number
from tagstone.errors import NotFound
from tagstone.store import publications
from tagstone.store.tables import Publication
from tagstone.web.headers import FILE_HEADERS
from tagstone.web.sources import Sources

_SIGN = 6.5  # pixels of one character, about
_LONGEST = 60
# Other sites show it: that is what a badge is for.
_HEADERS = FILE_HEADERS | {"Cross-Origin-Resource-Policy": "cross-origin"}
_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="DOI: {text}">
<title>DOI: {text}</title>
<rect width="36" height="20" fill="#555"/><rect x="36" width="{right}" height="20" fill="#1f5f8b"/>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="18" y="14">DOI</text><text x="{middle}" y="14">{text}</text>
</g>
</svg>
"""


class Badges:
    """The handlers, with what they read from. What they show is released, and so for everybody."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def router(self) -> APIRouter:
        """The addresses of badges."""
        router = APIRouter(prefix="/projects/{project}", include_in_schema=False)
        router.add_api_route("/badge.svg", self.badge, methods=["GET", "HEAD"], response_model=None)
        router.add_api_route("/newest", self.newest, methods=["GET", "HEAD"], response_model=None)
        return router

    def badge(self, project: Number) -> Response:
        """The picture. Raises: NotFound where nothing is released."""
        row = self._newest(project)
        text = (row.doi or row.ref)[:_LONGEST]
        right = round(len(text) * _SIGN) + 14
        said = escape("".join(sign if sign.isprintable() else "?" for sign in text))
        picture = _PICTURE.format(whole=36 + right, right=right, middle=36 + right / 2, text=said)
        return Response(picture.encode("utf-8", "replace"), media_type="image/svg+xml", headers=_HEADERS)

    def newest(self, project: Number) -> Response:
        """The newest record. Raises: NotFound where nothing is released."""
        return RedirectResponse(f"{self._sources.place.root}/records/{self._newest(project).id}", 302)

    def _newest(self, project: int) -> Publication:
        with self._sources.sessions.read() as session:
            row = publications.latest_published(session, project)
        if row is None:
            raise NotFound("This project has no record.", remedy="Its tags have to be published first.")
        return row
