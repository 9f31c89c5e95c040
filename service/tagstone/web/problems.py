"""Errors as pages for people, with what to do next."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from tagstone.edges.statuses import headers_of, status_of
from tagstone.errors import TagstoneError
from tagstone.web.headers import HEADERS
from tagstone.web.rendering import Rendering

_START = "Start from the catalogue of records."
_TITLES = {
    401: "Who are you?",
    403: "This is not for everybody",
    404: "There is nothing here",
    405: "This server only shows",
    410: "This was withdrawn",
    409: "That contradicts what is there",
    422: "That cannot be read",
    503: "Please try again in a moment",
}


def install(app: FastAPI, rendering: Rendering) -> None:
    """Answer every error of `app` with a page; faults of ours say nothing of the inside."""

    def problem(
        status: int, message: str, remedy: str, headers: Mapping[str, str] | None = None, back: str | None = None
    ) -> HTMLResponse:
        title = _TITLES.get(status, "Something went wrong")
        context = {"status": status, "title": title, "message": message, "remedy": remedy, "back": back}
        return rendering.page("problem.html", context, status, dict(headers or {}) | HEADERS)

    async def ours(request: Request, error: Exception) -> HTMLResponse:
        assert isinstance(error, TagstoneError)
        status = status_of(error)
        # Whether it is there or not: somebody else may see more.
        back = request.url.path if request.method == "GET" and status in (401, 404) else None
        return problem(status, error.message, error.remedy, headers_of(error), back)

    async def of_http(_request: Request, error: Exception) -> HTMLResponse:
        assert isinstance(error, HTTPException)
        message = "No page has this address." if error.status_code == 404 else f"{error.detail}."
        return problem(error.status_code, message, _START, error.headers)

    async def of_input(_request: Request, _error: Exception) -> HTMLResponse:
        return problem(404, "No page has this address.", _START)

    async def unexpected(_request: Request, _error: Exception) -> HTMLResponse:
        return problem(500, "Tagstone itself broke here.", "The server's log says more; please report it as a defect.")

    app.add_exception_handler(TagstoneError, ours)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_input)
    app.add_exception_handler(Exception, unexpected)
