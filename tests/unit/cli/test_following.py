"""Following: a worker is started when there is none, and not for ever."""

from collections.abc import Callable

import pytest

from tagstone.cli.following import Workers
from tagstone.errors import Permanent


class Machine:
    """A machine whose workers live until they are told to die."""

    def __init__(self, *, lives: bool = True) -> None:
        self.lives, self.alive, self.starts, self.slow = lives, False, 0, False

    def anybody(self) -> bool:
        return self.alive

    def start(self) -> Callable[[], bool]:
        self.starts += 1
        self.alive = self.lives
        return lambda: self.slow

    def workers(self) -> Workers:
        return Workers(self.anybody, self.start, "worker.log")


def test_a_worker_that_is_there_is_enough():
    machine = Machine()
    machine.alive = True
    machine.workers().ensure(0.0)
    assert machine.starts == 0


def test_one_is_started_at_once_and_given_time_to_come_up():
    machine = Machine(lives=False)
    workers = machine.workers()
    for now in (0.0, 0.2, 1.0, 2.9):
        workers.ensure(now)
    assert machine.starts == 1


def test_one_that_lives_but_comes_up_slowly_is_waited_for():
    machine = Machine(lives=False)
    machine.slow = True
    workers = machine.workers()
    for now in (0.0, 4.0, 30.0, 59.0):
        workers.ensure(now)
    assert machine.starts == 1
    workers.ensure(61.0)
    assert machine.starts == 2


def test_another_is_started_when_the_first_died():
    machine = Machine()
    workers = machine.workers()
    workers.ensure(0.0)
    machine.alive = False
    workers.ensure(60.0)
    assert machine.starts == 2


def test_workers_that_never_stay_alive_end_the_waiting_with_a_remedy():
    machine = Machine(lives=False)
    workers = machine.workers()
    with pytest.raises(Permanent) as caught:
        for now in range(1000):
            workers.ensure(float(now))
    assert machine.starts == 5
    assert "worker.log" in caught.value.remedy
