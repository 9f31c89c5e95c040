"""Signing in and out, and the page of one's account with its tokens for programs."""

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tagstone.actions import keep_people
from tagstone.actions.keep_people import NewToken
from tagstone.actions.sign_in import SignIn
from tagstone.domain.people.deed import Origin, actor
from tagstone.domain.people.viewer import Scope
from tagstone.edges.entrance import Entrance, Visitor
from tagstone.edges.forms import FormToken, OwnForm
from tagstone.edges.ids import Number
from tagstone.errors import Invalid
from tagstone.store import people
from tagstone.web.rendering import Rendering

_GOING_SECONDS = 600
_DAYS = 90


class Account:
    """The handlers; `root` is the path that this server is reached under."""

    def __init__(self, sign_in: SignIn, entrance: Entrance, rendering: Rendering, root: str) -> None:
        self._sign_in = sign_in
        self._entrance = entrance
        self._rendering = rendering
        self._root = root

    def router(self) -> APIRouter:
        """The addresses of one's account."""
        router = APIRouter(include_in_schema=False)
        for address, method, handler in (
            ("/sign-in", "GET", self.begin),
            ("/sign-in/back", "GET", self.finish),
            ("/sign-out", "POST", self.end),
            ("/account", "GET", self.account),
            ("/account/tokens", "POST", self.make),
            ("/account/tokens/{number}/revoke", "POST", self.revoke),
        ):
            router.add_api_route(address, handler, methods=[method], response_model=None)
        return router

    def begin(self, back: str = Query(default="/account", max_length=1000)) -> Response:
        """Send somebody to the provider."""
        going, address = self._sign_in.begin(back)
        answer = RedirectResponse(address, 303)
        self._set(answer, self._going, going, _GOING_SECONDS)
        return answer

    def finish(
        self,
        request: Request,
        state: str = Query(default="", max_length=1000),
        code: str = Query(default="", max_length=4000),
    ) -> Response:
        """Let somebody in whom the provider sent back. Raises: Unproven."""
        going, earlier = request.cookies.get(self._going, ""), self._entrance.visit(request)
        arrived = self._sign_in.finish(going, state, code, earlier)
        answer = RedirectResponse(self._root + arrived.back, 303)
        self._set(answer, self._entrance.cookie, arrived.secret, round(self._sign_in.seconds))
        self._forget(answer, self._going)
        return answer

    def end(self, form: OwnForm) -> Response:
        """Sign out."""
        self._sign_in.end(form.secret)
        answer = RedirectResponse(f"{self._root}/", 303)
        self._forget(answer, self._entrance.cookie)
        return answer

    def account(self, viewer: Visitor, token: FormToken) -> Response:
        """Who one is here, and one's tokens."""
        if viewer.person is None:
            return RedirectResponse(f"{self._root}/sign-in", 303)
        return self._page(viewer.person, token)

    def make(self, form: OwnForm, token: FormToken) -> Response:
        """Make a token, and show it once."""
        assert form.viewer.person is not None
        days, scopes = form.fields.get("days", ""), form.several.get("scopes", [])
        if not (days.isascii() and days.isdecimal() and len(days) < 6) or not set(scopes) <= set(Scope):
            raise Invalid("That is no token that could be made.", remedy="Send the form of the page.")
        wanted = NewToken(form.fields.get("name", ""), frozenset(map(Scope, scopes)), int(days))
        now, by, longest = self._entrance.clock.now(), actor(form.viewer, Origin.PAGE), self._sign_in.longest_token
        with self._entrance.sessions.write() as session:
            _, text = keep_people.make_token(session, form.viewer.person, wanted, longest, now, by)
        return self._page(form.viewer.person, token, text)

    def revoke(self, form: OwnForm, number: Number) -> Response:
        """Revoke a token of one's own."""
        now, by = self._entrance.clock.now(), actor(form.viewer, Origin.PAGE)
        with self._entrance.sessions.write() as session:
            keep_people.revoke_token(session, number, now, by, form.viewer.person)
        return RedirectResponse(f"{self._root}/account", 303)

    def _page(self, person: int, token: str, made: str | None = None) -> HTMLResponse:
        with self._entrance.sessions.read() as session:
            row, tokens = people.get(session, person), people.tokens(session, person)
        now = self._entrance.clock.now()
        shown = [(one, sorted(people.scopes(one)), one.revoked_at is None and one.expires_at > now) for one in tokens]
        context = {"person": row, "tokens": shown, "form": token, "made": made, "scopes": list(Scope), "days": _DAYS}
        return self._rendering.page("account.html", context)

    @property
    def _going(self) -> str:
        return self._entrance.cookie + "-going"

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        encrypted = self._entrance.encrypted
        # Lax: who follows a link from GitLab is signed in; forms of other sites are not.
        answer.set_cookie(name, value, max_age=seconds, path="/", secure=encrypted, httponly=True, samesite="lax")

    def _forget(self, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path="/", secure=self._entrance.encrypted, httponly=True, samesite="lax")
