"""The desk's web application: below `/desk/RUN/`, for the pod of that run alone."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from typing import BinaryIO, TypeVar
from urllib.parse import unquote_to_bytes

import pydantic
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tagstone.adapters.desk import Desk
from tagstone.domain.runs.brought import Brought
from tagstone.domain.runs.plan import PART
from tagstone.domain.runs.told import Keeping, Staging
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, TagstoneError, Temporary, Unproven

T = TypeVar("T")
Answer = Callable[[str, Request], Awaitable[Response]]

_STATUS: tuple[tuple[type[TagstoneError], int], ...] = (
    (Unproven, 401), (Forbidden, 403), (NotFound, 404), (Conflict, 409), (Temporary, 503), (Invalid, 400)
)  # fmt: skip
_PROBLEM = "application/problem+json"
_WORDS = 2**20  # bytes of a report
_AT_ONCE = 8  # bodies that are in memory together
_SLOWEST = 60.0  # seconds that a body may take to come
_PIECE = 2**20
_RANGE = re.compile(r"bytes=([0-9]{1,18})-")

_STAGING: TypeAdapter[Staging] = TypeAdapter(Staging)
_KEEPING: TypeAdapter[Keeping] = TypeAdapter(Keeping)
_LOT: TypeAdapter[list[Brought]] = TypeAdapter(list[Brought])


def create_app(desk: Desk) -> Starlette:
    """The application: `GET /desk/health`, and what `tagstone.pod` asks for below `/desk/RUN/`."""
    pods = _Pods(desk)
    routes = [
        Route("/desk/{run}/begin", pods.answer(pods.begin, counts=False), methods=["POST"]),
        Route("/desk/{run}/given/{number:int}", pods.answer(pods.give), methods=["GET"]),
        Route("/desk/{run}/staging", pods.answer(pods.staging), methods=["POST"]),
        Route("/desk/{run}/keeping", pods.answer(pods.keeping), methods=["POST"]),
        Route("/desk/{run}/log/{offset:int}", pods.answer(pods.log), methods=["PUT"]),
        Route("/desk/{run}/outputs/{number:int}/{offset:int}", pods.answer(pods.part), methods=["PUT"]),
        Route("/desk/{run}/outputs", pods.answer(pods.outputs), methods=["POST"]),
        Route("/desk/health", _health),
    ]
    return Starlette(routes=routes, exception_handlers={TagstoneError: _refuse, Exception: _unexpected})


class _Pods:
    """What pods ask, each answered for the run that its token is of."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._room = asyncio.Semaphore(_AT_ONCE)

    def answer(self, answer: Answer, *, counts: bool = True) -> Callable[[Request], Awaitable[Response]]:
        """Let in whoever has the run's token, and, where that counts, only the pod that speaks for it."""

        async def answered(request: Request) -> Response:
            run = request.path_params["run"]
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            await run_in_threadpool(self._desk.admit, run, token if kind.lower() == "bearer" else "")
            if counts:
                await run_in_threadpool(self._desk.check, run, request.headers.get("tagstone-pod", ""))
            return await answer(run, request)

        return answered

    async def begin(self, run: str, request: Request) -> Response:
        plan = await run_in_threadpool(self._desk.begin, run, request.headers.get("tagstone-pod", ""))
        return JSONResponse(asdict(plan))

    async def give(self, run: str, request: Request) -> Response:
        file, size = await run_in_threadpool(self._desk.give, run, request.path_params["number"])
        match = _RANGE.fullmatch(request.headers.get("range", ""))
        start = min(int(match[1]), size) if match else 0
        headers = {"Content-Length": str(size - start)}
        if match:
            headers["Content-Range"] = f"bytes {start}-{max(start, size - 1)}/{size}"
        return _Stream(file, start, 206 if match else 200, headers)

    async def staging(self, run: str, request: Request) -> Response:
        said = _read(_STAGING, await _body(request, _WORDS))
        return JSONResponse(asdict(await run_in_threadpool(self._desk.hear_staging, run, said)))

    async def keeping(self, run: str, request: Request) -> Response:
        said = _read(_KEEPING, await _body(request, _WORDS))
        return JSONResponse(asdict(await run_in_threadpool(self._desk.hear_keeping, run, said)))

    async def log(self, run: str, request: Request) -> Response:
        async with self._room:
            data = await _body(request, PART)
            have = await run_in_threadpool(self._desk.take_log, run, request.path_params["offset"], data)
        return JSONResponse({"have": have})

    async def part(self, run: str, request: Request) -> Response:
        number, offset = request.path_params["number"], request.path_params["offset"]
        async with self._room:
            await run_in_threadpool(self._desk.take_part, run, number, offset, await _body(request, PART))
        return Response(status_code=204)

    async def outputs(self, run: str, request: Request) -> Response:
        lot = [_decoded(brought) for brought in _read(_LOT, await _body(request, _WORDS))]
        await run_in_threadpool(self._desk.take_outputs, run, lot)
        return Response(status_code=204)


class _Stream(StreamingResponse):
    """A file from an offset on; it is closed also where the pod goes away meanwhile."""

    def __init__(self, file: BinaryIO, start: int, status: int, headers: dict[str, str]) -> None:
        super().__init__(_pieces(file, start), status, headers, media_type="application/octet-stream")
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._file:
            await super().__call__(scope, receive, send)


def _pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    file.seek(start)
    while piece := file.read(_PIECE):
        yield piece


def _read(kind: TypeAdapter[T], body: bytes) -> T:
    try:
        return kind.validate_json(body)
    except pydantic.ValidationError as error:
        raise Invalid(
            f"This is not what a pod says: {error.error_count()} faults.", remedy="Is its image of this version?"
        ) from None


def _decoded(brought: Brought) -> Brought:
    """The entry with its path as the file system has it."""
    return Brought(os.fsdecode(unquote_to_bytes(brought.path)), brought.kind, brought.size, brought.sha256, brought.number)


async def _body(request: Request, most: int) -> bytes:
    """The whole body; an announced length is not believed. Raises: Invalid, Temporary."""
    data = bytearray()
    try:
        async with asyncio.timeout(_SLOWEST):
            async for piece in request.stream():
                data += piece
                if len(data) > most:
                    raise Invalid(f"More than {most} bytes are not taken at once.", remedy="Send them in parts.")
    except (TimeoutError, ClientDisconnect):
        raise Temporary("The body broke off.") from None
    return bytes(data)


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TagstoneError)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return _problem(status, error.message, error.remedy)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return _problem(500, "Tagstone itself broke here.", "The log of its worker says more.")


def _problem(status: int, message: str, remedy: str) -> Response:
    return JSONResponse({"status": status, "title": message, "detail": remedy}, status, media_type=_PROBLEM)
