"""Taking deliveries: what was written down with its work queued, in one transaction, has been received; nothing else has.

Deliveries that come at the same time are looked up together and written in one transaction: each question costs a way to the database,
each commit waits for its disk, and that may be shared.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tagstone.domain.forges.delivery import Delivered, happened, read, redacted
from tagstone.domain.forges.registration import Standing
from tagstone.errors import Forbidden, NotFound, TagstoneError, Temporary
from tagstone.ports import Clock, Vault, WorkQueue
from tagstone.store import deliveries, hooks, registrations
from tagstone.store.deliveries import Letter
from tagstone.store.session import Sessions
from tagstone.store.tables import Hook, Registration
from tagstone_webhooks import signatures

_MOST = 200  # deliveries in one transaction
_GATHERING = 0.005  # seconds in which more may come: each transaction costs the same, however few it writes
_PATIENCE = 8.0  # GitLab waits for ten seconds
_KEY = 128
_SECRETS = 4096
_log = logging.getLogger("tagstone_webhooks")


@dataclass(frozen=True)
class Taken:
    """A delivery as it was written down; `new` is False where it had come before. `delivery` is None where it means nothing to us."""

    delivery: int | None
    new: bool = False


@dataclass(frozen=True, eq=False)
class _Arrived:
    """A delivery as it came, and who waits for what becomes of it."""

    hook: str
    headers: Mapping[str, str]
    body: bytes
    answer: "asyncio.Future[Taken]"


@dataclass(frozen=True)
class _Opened:
    """A delivery that its hook sent, and that tells of something."""

    hook: Hook
    key: str
    told: Delivered
    payload: dict[str, Any]


class Receiver:
    """Judges and writes what hooks deliver; it works while deliveries wait, and rests when none does.

    After `patience` seconds whoever waits is told to come again, whatever the database does.
    """

    def __init__(
        self, sessions: Sessions, queue: WorkQueue, vault: Vault, clock: Clock, *, patience: float = _PATIENCE
    ) -> None:
        self._sessions = sessions
        self._queue = queue
        self._clock = clock
        self._patience = patience
        self._unsealed = lru_cache(_SECRETS)(vault.unseal)
        self._waiting: list[_Arrived] = []
        self._working: asyncio.Task[None] | None = None

    async def receive(self, hook: str, headers: Mapping[str, str], body: bytes) -> Taken:
        """Take one delivery. Raises: NotFound, Forbidden, Invalid; Temporary when it could not be looked up or written in time."""
        arrived = _Arrived(hook, headers, body, asyncio.get_running_loop().create_future())
        self._waiting.append(arrived)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(self._patience):
                return await arrived.answer
        except TimeoutError:
            if arrived in self._waiting:
                self._waiting.remove(arrived)
            raise _away() from None

    async def _work(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) < _MOST:
                    await asyncio.sleep(_GATHERING)
                together = self._waiting[:_MOST]
                del self._waiting[:_MOST]
                answers = await asyncio.to_thread(self._take, together)
                for arrived, answer in zip(together, answers, strict=True):
                    if arrived.answer.done():
                        continue
                    if isinstance(answer, Taken):
                        arrived.answer.set_result(answer)
                    else:
                        arrived.answer.set_exception(answer)
        finally:
            self._working = None

    def _take(self, together: Sequence[_Arrived]) -> list[Taken | Exception]:
        """What becomes of each; where something cannot be written, the others are."""
        try:
            return self._take_at_once(together)
        except (DBAPIError, Temporary) as error:
            _log.warning("deliveries were not written: %s", error)
            return [_away() for _ in together]
        except Exception as error:  # noqa: BLE001 - each sender is answered, by what happens to its own delivery
            return [error] if len(together) == 1 else [answer for one in together for answer in self._take([one])]

    def _take_at_once(self, together: Sequence[_Arrived]) -> list[Taken | Exception]:
        judged = self._judge(together)
        letters = [letter for letter in judged if isinstance(letter, Letter)]
        if not letters:
            return [answer for answer in judged if not isinstance(answer, Letter)]
        with self._sessions.write() as session:
            made = deliveries.write_new(session, letters, self._clock.now())
            if made:
                self._queue.deliver_together(session, list(made.values()))
            known = made | deliveries.numbers(session, (letter.known for letter in letters if letter.known not in made))
        return [
            # The first of those that are the same is the one that was written.
            Taken(known[answer.known], new=made.pop(answer.known, None) is not None) if isinstance(answer, Letter) else answer
            for answer in judged
        ]

    def _judge(self, together: Sequence[_Arrived]) -> list[Letter | Taken | TagstoneError]:
        """All that can be said without writing."""
        with self._sessions.read() as session:
            there = hooks.named(session, (arrived.hook for arrived in together))
            opened = [self._open(there.get(arrived.hook), arrived) for arrived in together]
            registered = _registered(session, [one for one in opened if isinstance(one, _Opened)])
        return [_letter(one, registered) if isinstance(one, _Opened) else one for one in opened]

    def _open(self, hook: Hook | None, arrived: _Arrived) -> _Opened | Taken | TagstoneError:
        try:
            if hook is None:
                raise NotFound("There is no such hook.", remedy="Register the project again: its hook was removed here.")
            signing, secret = (None if sealed is None else self._unsealed(sealed) for sealed in (hook.signing, hook.secret))
            signatures.check(arrived.headers, arrived.body, signing, secret)
            payload = read(arrived.body)
            told = happened(payload)
        except TagstoneError as error:
            return error
        return Taken(None) if told is None else _Opened(hook, _key(arrived), told, payload)


def _registered(session: Session, opened: Sequence[_Opened]) -> dict[tuple[str, int], Registration]:
    return registrations.of_remotes(session, ((one.hook.forge, one.told.project) for one in opened)) if opened else {}


def _letter(opened: _Opened, registered: Mapping[tuple[str, int], Registration]) -> Letter | Taken | TagstoneError:
    hook, registration = opened.hook, registered.get((opened.hook.forge, opened.told.project))
    if hook.registration_id is not None and (registration is None or registration.id != hook.registration_id):
        return Forbidden("This hook does not speak for that project.", remedy="Register the project by itself.")
    if registration is None or registration.standing != Standing.ACTIVE:
        return Taken(None)
    return Letter(hook.id, opened.key, registration.id, opened.told, redacted(opened.payload))


def _key(arrived: _Arrived) -> str:
    """The forge's own id of a delivery, which stays when it is sent again; older ones send none, and are known by what they say."""
    given = arrived.headers.get("webhook-id") or arrived.headers.get("idempotency-key")
    return given if given and len(given) <= _KEY and given.isprintable() else hashlib.sha256(arrived.body).hexdigest()


def _away() -> Temporary:
    """What the outside is told of trouble inside: nothing but that it may pass."""
    return Temporary("The delivery could not be written down now.", remedy="Send it again.", delay=10.0)
