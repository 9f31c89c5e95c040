"""How much may be sent: whatever a client announces, no more than so many bytes are taken."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware that ends the reading of bodies after `most` bytes; the application's own errors tell of it (413)."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and what comes of its body while that is small."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise HTTPException(413, f"More than {self._most} bytes are not taken")
            return message

        await self._app(scope, counted if scope["type"] == "http" else receive, send)
