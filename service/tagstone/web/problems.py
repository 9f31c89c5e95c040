"""Errors as pages for people: the one table from our errors to HTTP, and what to do next."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, TagstoneError, Temporary
from tagstone.web.headers import HEADERS
from tagstone.web.rendering import Rendering

STATUS: dict[type[TagstoneError], int] = {NotFound: 404, Forbidden: 403, Conflict: 409, Invalid: 422, Temporary: 503}
_START = "Start from the catalogue of records."
_TITLES = {
    403: "This is not for everybody",
    404: "There is nothing here",
    405: "This server only shows",
    409: "That contradicts what is there",
    422: "That cannot be read",
    503: "Please try again in a moment",
}


def install(app: FastAPI, rendering: Rendering) -> None:
    """Answer every error of `app` with a page; faults of ours say nothing of the inside."""

    def problem(status: int, message: str, remedy: str, headers: Mapping[str, str] | None = None) -> HTMLResponse:
        title = _TITLES.get(status, "Something went wrong")
        context = {"status": status, "title": title, "message": message, "remedy": remedy}
        return rendering.page("problem.html", context, status, dict(headers or {}) | HEADERS)

    async def ours(_request: Request, error: Exception) -> HTMLResponse:
        assert isinstance(error, TagstoneError)
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
        retry = {"Retry-After": str(round(error.delay))} if isinstance(error, Temporary) else None
        return problem(status, error.message, error.remedy, retry)

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
