"""The receivers' own web application: one address for each hook, and one that says whether they live."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tagstone.domain.forges.delivery import MAX_BYTES
from tagstone.errors import Forbidden, Invalid, NotFound, TagstoneError, Temporary
from tagstone_webhooks.receive import Receiver

_STATUS: tuple[tuple[type[TagstoneError], int], ...] = ((NotFound, 404), (Forbidden, 401), (Invalid, 400), (Temporary, 503))
_PROBLEM = "application/problem+json"
_ROOM = 8 * MAX_BYTES
_SLOWEST = 10.0  # seconds that a body may take to come: GitLab itself has given up by then


class _TooLarge(Exception):
    """The body has more bytes than GitLab sends."""


class _Room:
    """Bytes that bodies may have together: whoever sends has not been verified yet, and must not fill the machine's memory."""

    def __init__(self, size: int) -> None:
        self._free = size

    @contextmanager
    def part(self) -> Iterator["_Part"]:
        """A part of the room, as large as it becomes; free again when the context is left."""
        part = _Part()
        try:
            yield part
        finally:
            self._free += part.size

    def take(self, part: "_Part", size: int) -> None:
        """Make a part larger by so many bytes. Raises: Temporary where there is no room."""
        if size > self._free:
            raise Temporary("Too much is being delivered at this moment.", remedy="Send it again.")
        self._free -= size
        part.size += size


class _Part:
    """How many bytes somebody has of the room."""

    size = 0


def create_app(receiver: Receiver, *, room: int = _ROOM, slowest: float = _SLOWEST) -> Starlette:
    """The application: `POST /hooks/ID` and `GET /health`. Bodies have `room` bytes together, and `slowest` seconds to come each."""
    shared = _Room(room)

    async def hook(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _problem(415, "Deliveries are application/json.", "Leave the hook's format as GitLab sets it.")
        with shared.part() as part:
            try:
                async with asyncio.timeout(slowest):
                    body = await _body(request, shared, part)
            except _TooLarge:
                return _problem(413, "The delivery is larger than 25 MB.", "GitLab sends no such deliveries.")
            except TimeoutError:
                return _problem(408, "The delivery did not come in time.", "Send it again.")
            except ClientDisconnect:
                return _problem(400, "The delivery broke off.", "Send it again.")
            taken = await receiver.receive(request.path_params["hook"], request.headers, body)
        if taken.delivery is None:
            return Response(status_code=204)
        return JSONResponse({"delivery": taken.delivery, "new": taken.new}, 202)

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[Route("/hooks/{hook}", hook, methods=["POST"]), Route("/health", health)],
        exception_handlers={TagstoneError: _answer, Exception: _unexpected},
    )


async def _body(request: Request, room: _Room, part: _Part) -> bytes:
    """The whole body; an announced length is not believed, but saves the reading."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > MAX_BYTES:
        raise _TooLarge
    data = bytearray()
    async for piece in request.stream():
        room.take(part, len(piece))
        data += piece
        if len(data) > MAX_BYTES:
            raise _TooLarge
    return bytes(data)


async def _answer(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TagstoneError)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(max(1, round(error.delay)))} if isinstance(error, Temporary) else {}
    return _problem(status, error.message, error.remedy, headers)


async def _unexpected(_request: Request, _error: Exception) -> Response:
    return _problem(500, "Tagstone itself broke here.", "The receiver's log says more.")


def _problem(status: int, message: str, remedy: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"status": status, "title": message, "detail": remedy}, status, headers, media_type=_PROBLEM)
