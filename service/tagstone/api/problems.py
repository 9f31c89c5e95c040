"""Errors for programs: problem+json (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tagstone.edges.statuses import headers_of, status_of
from tagstone.errors import Invalid, TagstoneError

MEDIA = "application/problem+json"
_READ = "The description of this API is at /api/v1/openapi.json."
_MOST = 50


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem; faults of ours say nothing of the inside."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, TagstoneError)
        faults = [str(fault) for fault in error.faults[:_MOST]] if isinstance(error, Invalid) else []
        return problem(status_of(error), error.message, error.remedy, headers_of(error), faults)

    async def of_http(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, f"{error.detail}.", _READ, error.headers)

    async def of_input(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        # What was sent is left out: it may be a secret in a wrong place.
        faults = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:_MOST]]
        return problem(422, "What was sent is not what is asked for.", _READ, None, faults)

    async def unexpected(_request: Request, _error: Exception) -> JSONResponse:
        return problem(500, "Tagstone itself broke here.", "The server's log says more; please report it as a defect.")

    app.add_exception_handler(TagstoneError, ours)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_input)
    app.add_exception_handler(Exception, unexpected)


def problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, faults: list[str] | None = None
) -> JSONResponse:
    """A problem: what happened, and what to do about it."""
    said: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    said |= {"faults": faults} if faults else {}
    return JSONResponse(said, status, dict(headers or {}), media_type=MEDIA)
