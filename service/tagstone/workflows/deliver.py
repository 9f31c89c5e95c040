"""Taking deliveries, durably: tried again while a forge is away, and given up with a reason when that lasts too long."""

import asyncio
from concurrent.futures import Executor
from functools import partial
from typing import TypedDict

import structlog
from dbos import DBOS, SetWorkflowID

from tagstone.actions.take_delivery import TakeDeliveries
from tagstone.adapters.workqueue import DELIVERIES_WORKFLOW, DELIVERY_QUEUE, DELIVERY_WORKFLOW, delivery_id
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Away, TagstoneError, Temporary
from tagstone.ports import Clock
from tagstone.workflows.waiting import wait

_log = structlog.get_logger("tagstone.deliveries")


class Tried(TypedDict):
    """How a try ended: done, or to be made again after `seconds`; `failed` tries are counted."""

    done: bool
    failed: bool
    seconds: float


class Deliveries:
    """Takes deliveries; trouble that may pass is tried `attempts` times, an outage is waited out."""

    def __init__(self, taking: TakeDeliveries, durations: Durations, clock: Clock) -> None:
        self._taking = taking
        self._durations = durations
        self._clock = clock

    def attempt(self, delivery: int, began: float, failures: int, waits: int) -> Tried:
        """Take a delivery that came at `began`, after so many tries and waits."""
        try:
            return self._attempt(delivery, began, failures, waits)
        except Temporary as error:
            # The database's own trouble, which cannot be written down in it.
            _log.warning("the database is away", delivery=delivery, error=error.message)
            return {"done": False, "failed": False, "seconds": self._durations.before_return(waits, error.delay, 0.0)}

    def _attempt(self, delivery: int, began: float, failures: int, waits: int) -> Tried:
        try:
            self._taking.take(delivery)
        except Away as error:
            if self._clock.now() - began < self._durations.outage:
                _log.warning("the forge is away", delivery=delivery, error=error.message)
                return {"done": False, "failed": False, "seconds": self._durations.before_return(waits, error.delay, 0.0)}
            self._taking.give_up(delivery, error)
        except Temporary as error:
            if failures + 1 < self._durations.attempts:
                _log.warning("trouble that may pass", delivery=delivery, error=error.message)
                return {"done": False, "failed": True, "seconds": self._durations.before_retry(failures + 1, error.delay)}
            self._taking.give_up(delivery, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must end as a failed delivery, not hang for ever
            _log.exception("a delivery was not taken", delivery=delivery)
            self._taking.give_up(delivery, _defect(error))
        return {"done": True, "failed": False, "seconds": 0.0}


def register(deliveries: Deliveries, clock: Clock, pool: Executor) -> None:
    """Make the workflows known to the durable engine; what blocks is done by the threads of `pool`."""

    @DBOS.step(name="take")
    async def take(delivery: int, began: float, failures: int, waits: int) -> Tried:
        attempt = partial(deliveries.attempt, delivery, began, failures, waits)
        return await asyncio.get_running_loop().run_in_executor(pool, attempt)

    @DBOS.step(name="now")
    async def now() -> float:
        return clock.now()

    @DBOS.workflow(name=DELIVERY_WORKFLOW, max_recovery_attempts=None)
    async def deliver(delivery: int, _turn: int) -> str:
        began, failures, waits = await now(), 0, 0
        while not (tried := await take(delivery, began, failures, waits))["done"]:
            failures += tried["failed"]
            waits += not tried["failed"]
            await wait(tried["seconds"])
        return "done"

    @DBOS.workflow(name=DELIVERIES_WORKFLOW, max_recovery_attempts=None)
    async def deliver_together(numbers: list[int]) -> str:
        for number in numbers:
            with SetWorkflowID(delivery_id(number, 1)):
                await DBOS.enqueue_workflow_async(DELIVERY_QUEUE, deliver, number, 1)
        return "done"


def _defect(error: Exception) -> TagstoneError:
    return TagstoneError(f"Tagstone itself broke here: {type(error).__name__}.", remedy="Look at the worker's log.")
