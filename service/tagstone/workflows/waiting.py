"""The one place where workflows wait."""

import asyncio

from dbos import DBOS


async def wait(seconds: float, *, durable: bool) -> None:
    """Wait: durably between steps (a killed worker's successor waits the rest), plainly inside a step that only looks."""
    if durable:
        await DBOS.sleep_async(seconds)
    else:
        await asyncio.sleep(seconds)
