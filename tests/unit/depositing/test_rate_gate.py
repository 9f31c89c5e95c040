"""How one token's rate limit is shared by the threads that use it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tagstone.adapters.inveniordm.gate import Gate, LimitReached


class Time:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


def test_nobody_waits_before_the_server_has_spoken():
    time = Time()
    for _ in range(1000):
        Gate(time.sleep, time.now).enter()
    assert time.now() == 0


def test_threads_share_what_is_left_and_the_others_wait():
    time = Time()
    gate = Gate(time.sleep, time.now)
    gate.heard({"X-RateLimit-Remaining": "10", "Retry-After": "5"})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: gate.enter(), range(10)))
    assert time.now() == 0
    gate.enter()
    assert 5 <= time.now() <= 6


def test_a_long_wait_is_left_to_the_workflow_until_it_is_over():
    time = Time()
    gate = Gate(time.sleep, time.now)
    assert gate.refused({"X-RateLimit-Reset": "1795249301", "Date": "Sat, 21 Nov 2026 08:20:41 GMT"}) == 60
    with pytest.raises(LimitReached) as reached:
        gate.enter()
    assert reached.value.delay == 60
    time.sleep(60)
    gate.enter()


@pytest.mark.parametrize("left", ["", "-1", "many", "٣", "9" * 5000])
def test_what_is_no_number_is_not_heeded(left: str):
    time = Time()
    gate = Gate(time.sleep, time.now)
    gate.heard({"X-RateLimit-Remaining": left})
    gate.enter()
    assert time.now() == 0
