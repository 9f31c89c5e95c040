"""The one place where workflows wait."""

import asyncio
from contextlib import suppress

from dbos import DBOS


async def wait(seconds: float) -> None:
    """Wait durably between steps: a killed worker's successor waits the rest."""
    await DBOS.sleep_async(seconds)


async def wait_for(heard: asyncio.Event, seconds: float) -> None:
    """Wait plainly inside a step that only looks, until something is heard, at the longest so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await heard.wait()
