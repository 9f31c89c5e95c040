"""How fast a server may be asked with one token: what it said of its limit, heeded by all threads that use the token."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from tagstone.errors import Away

SHORT = 20.0  # seconds that a thread sleeps; a longer wait is the workflow's, which holds no thread
SPENT = "The depository's rate limit is used up for now."
_LONGEST = 3600.0
_EPOCH = 10**9  # larger numbers are times of day, smaller ones durations


class LimitReached(Away):
    """The server's limit is used up: what was asked was not done."""


class Gate:
    """One server's limit for one token. `sleep` waits seconds, `now` tells seconds that only go up."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic) -> None:
        self._sleep = sleep
        self._now = now
        self._lock = threading.Lock()
        self._left: int | None = None
        self._until = 0.0

    def enter(self) -> None:
        """Wait until one more question is allowed. Raises: LimitReached, where that is long."""
        while wait := self._take():
            if wait > SHORT:
                raise LimitReached(SPENT, delay=wait)
            self._sleep(wait * random.uniform(1.0, 1.2))  # noqa: S311 - so that threads do not all come back at once

    def heard(self, headers: Mapping[str, str]) -> None:
        """Heed what an answer says of the limit."""
        left = headers.get("X-RateLimit-Remaining", "")
        if not left.isdecimal():
            return
        with self._lock:
            self._left = int(left[:9])
            self._until = self._now() + _wait(headers, 60.0)

    def refused(self, headers: Mapping[str, str]) -> float:
        """Close the gate after a 429; returns the seconds until it opens."""
        wait = _wait(headers, 60.0)
        with self._lock:
            self._left, self._until = 0, self._now() + wait
        return wait

    def _take(self) -> float:
        """Take one question of those that are left, else the seconds until there are more."""
        with self._lock:
            now = self._now()
            if self._left is None or now >= self._until:
                self._left = None
                return 0.0
            if self._left > 0:
                self._left -= 1
                return 0.0
            return self._until - now


def _wait(headers: Mapping[str, str], default: float) -> float:
    """Seconds until the limit is renewed: a number, a date, or a time of day against the answer's own clock."""
    said = headers.get("Retry-After", "") or headers.get("X-RateLimit-Reset", "")
    try:
        then = float(said) if said.isdecimal() else parsedate_to_datetime(said).timestamp()
        wait = then - parsedate_to_datetime(headers["Date"]).timestamp() if then > _EPOCH else then
    except (ValueError, TypeError, KeyError, OverflowError):
        wait = default
    return min(max(wait, 1.0), _LONGEST)
