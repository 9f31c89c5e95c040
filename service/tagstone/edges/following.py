"""Changes as server-sent events (HTML Living Standard, section 9.2).

A connection costs a look at a few small rows now and then, no thread; there are only so many, and each ends after a while: who
follows comes back by itself and says what it saw last.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from tagstone.errors import TagstoneError, Temporary

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """How often is looked, when a quiet connection beats, how long one lives (seconds), and how many there may be."""

    look: float = 1.0
    beat: float = 15.0
    life: float = 600.0
    connections: int = 100


@dataclass(frozen=True)
class Sight:
    """What is there at one moment, in parts: `mark` is equal as long as nothing happened but time."""

    mark: str
    parts: dict[str, Any]
    ended: bool


class Following:
    """Lets some follow changes at once. Each event bears the parts that changed, or `whole` all of them."""

    def __init__(self, limits: Limits, pause: Pause = asyncio.sleep, *, whole: bool = False) -> None:
        self._limits = limits
        self._pause = pause
        self._whole = whole
        self._open = 0

    async def answer(self, look: Callable[[], Sight], seen: str) -> StreamingResponse:
        """What changes, until it ends. Raises: what `look` raises at first; Temporary when too many are watching."""
        if self._open >= self._limits.connections:
            raise Temporary("Too many are watching at this moment.", delay=10.0)
        first = await run_in_threadpool(look)
        return StreamingResponse(
            self._stream(look, first, seen),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _stream(self, look: Callable[[], Sight], sight: Sight, seen: str) -> AsyncIterator[str]:
        """The text of the events, from what is there now; nothing of it when `seen` is the same."""
        self._open += 1
        try:
            yield "retry: 2000\n\n"
            sent = dict(sight.parts) if seen == sight.mark and not sight.ended else {}
            quiet = lived = 0.0
            while True:
                changed = {name: part for name, part in sight.parts.items() if sent.get(name) != part or name not in sent}
                if changed:
                    yield _event(sight.mark, "change", json.dumps(sight.parts if self._whole else changed))
                    sent, quiet = dict(sight.parts), 0.0
                if sight.ended:
                    yield _event(sight.mark, "end", "{}")
                    return
                if lived >= self._limits.life:
                    return
                if quiet >= self._limits.beat:
                    yield ": still here\n\n"
                    quiet = 0.0
                await self._pause(self._limits.look)
                quiet, lived = quiet + self._limits.look, lived + self._limits.look
                sight = await run_in_threadpool(look)
        except TagstoneError:
            # It is not there any more for who watches, or not at this moment: whoever comes back is told.
            return
        finally:
            self._open -= 1


def _event(mark: str, name: str, data: str) -> str:
    return f"id: {mark}\nevent: {name}\ndata: {data}\n\n"
