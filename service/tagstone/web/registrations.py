"""Pages of registrations: maintainers ask that their project is registered, curators grant or refuse it."""

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tagstone.actions.register import Granted
from tagstone.actions.requests import Requests, Wish
from tagstone.domain.forges.registration import ImageBuilder, Standing, patterns
from tagstone.domain.people.deed import Origin
from tagstone.domain.people.viewer import Viewer
from tagstone.domain.runs import caps
from tagstone.edges.entrance import Entrance, Visitor
from tagstone.edges.forms import FormToken, OwnForm
from tagstone.edges.ids import Number
from tagstone.errors import Invalid
from tagstone.store import accounts
from tagstone.web.rendering import Rendering

_CAPS = {
    "cpu": "Cores",
    "memory": "Memory, such as 4Gi",
    "disk": "Disk, such as 20Gi",
    "time": "Time, such as 2h",
    "gpu": "GPUs",
}


class Registrations:
    """The handlers; `root` is the path that this server is reached under."""

    def __init__(self, requests: Requests, entrance: Entrance, rendering: Rendering, root: str) -> None:
        self._requests = requests
        self._entrance = entrance
        self._rendering = rendering
        self._root = root

    def router(self) -> APIRouter:
        """The addresses of registrations."""
        router = APIRouter(prefix="/registrations", include_in_schema=False)
        for address, method, handler in (
            ("", "GET", self.listing),
            ("/ask", "POST", self.ask),
            ("/{number}/grant", "POST", self.grant),
            ("/{number}/refuse", "POST", self.refuse),
            ("/{number}/set-up", "POST", self.set_up),
        ):
            router.add_api_route(address, handler, methods=[method], response_model=None)
        return router

    def listing(self, viewer: Visitor, token: FormToken) -> Response:
        """What one asked for, or for curators all that was."""
        if viewer.person is None:
            return RedirectResponse(f"{self._root}/sign-in?back=/registrations", 303)
        return self._page(viewer, token)

    def ask(self, form: OwnForm) -> Response:
        """Ask that a project is registered. Raises: NotFound, Invalid, Conflict, Forbidden, Temporary."""
        said = form.fields
        if said.get("builder") not in set(ImageBuilder):
            raise Invalid("It is not said who builds the images.", remedy="Send the form of the page.")
        tags = tuple(said.get("tags", "").split())
        wish = Wish(
            said.get("project", ""), said.get("forge") or None, ImageBuilder(said["builder"]), tags, said.get("note", "")
        )
        self._requests.ask(form.viewer, Origin.PAGE, wish)
        return self._back()

    def grant(self, form: OwnForm, number: Number) -> Response:
        """Grant what was asked for. Raises: Forbidden, NotFound, Conflict, Invalid, Temporary."""
        given = Granted(form.fields.get("account") or None, caps.parse({name: form.fields.get(name) for name in _CAPS}))
        self._requests.grant(form.viewer, Origin.PAGE, number, given)
        return self._back()

    def refuse(self, form: OwnForm, number: Number) -> Response:
        """Refuse what was asked for. Raises: Forbidden, NotFound, Conflict, Invalid."""
        self._requests.refuse(form.viewer, Origin.PAGE, number, form.fields.get("reason", ""))
        return self._back()

    def set_up(self, form: OwnForm, number: Number, token: FormToken) -> Response:
        """Set up hook and protected tags with a maintainer's token. Raises: NotFound, Conflict, Forbidden, Invalid, Temporary."""
        done = self._requests.set_up(form.viewer, Origin.PAGE, number, form.fields.get("token", "").strip())
        return self._page(form.viewer, token, done)

    def _page(self, viewer: Viewer, token: str, done: tuple[str, ...] = ()) -> HTMLResponse:
        with self._entrance.sessions.read() as session:
            rows = self._requests.listing(session, viewer)
            known = [row.name for row in accounts.listing(session)] if viewer.curates else []
        shown = [(row, caps.load(row.caps), " ".join(patterns(row.tags))) for row in rows]
        context = {"shown": shown, "form": token, "done": done, "curates": viewer.curates, "caps": _CAPS}
        context |= {
            "forges": self._requests.forges,
            "depositing": [*known, *self._requests.registering.policy.depositories] if viewer.curates else [],
            "standing": Standing,
        }
        return self._rendering.page("registrations.html", context)

    def _back(self) -> Response:
        return RedirectResponse(f"{self._root}/registrations", 303)
