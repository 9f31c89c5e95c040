"""Following a publication until it has ended or waits for a person, and seeing to it that somebody works on it meanwhile."""

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tagstone.cli.progress import Progress
from tagstone.cli.standing import Standing, last_lines, look
from tagstone.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tagstone.bootstrap import Application

LOG = "worker.log"
_PATIENCE = 3.0  # seconds before another worker is started; one that is alive has longer to take its lock
_PATIENCE_WITH_THE_LIVING = 60.0
_STARTS = 5
_TAIL = 15


class Workers:
    """Starts a worker when no process holds a worker's lock, and gives up when none stays alive.

    `start` returns a question: does the process that it started still live? On a busy machine one comes up slowly.
    """

    def __init__(self, anybody: "Callable[[], bool]", start: "Callable[[], Callable[[], bool]]", log: str) -> None:
        self._anybody = anybody
        self._start = start
        self._log = log
        self._lives: Callable[[], bool] = lambda: False
        self._started = self._next = 0.0
        self._starts = 0

    def ensure(self, now: float) -> None:
        """Start a worker if there is none; `now` in seconds of any steady clock. Raises: Permanent."""
        if now < self._next or self._anybody():
            return
        if self._lives() and now < self._started + _PATIENCE_WITH_THE_LIVING:
            return
        if self._starts == _STARTS:
            raise Permanent(
                f"{_STARTS} workers were started and none stayed alive.",
                remedy=f"{self._log} says why; `tagstone doctor` checks this machine. The publication waits meanwhile.",
            )
        self._starts += 1
        self._started, self._next = now, now + _PATIENCE * self._starts
        self._lives = self._start()


def follow(application: "Application", publication_id: str, progress: Progress) -> Standing:
    """Show how a publication goes on until it has ended or waits for a person, then how it stands.

    Raises: NotFound, Permanent.
    """
    log = application.home / LOG
    workers = Workers(application.locks.anybody, lambda: start_worker(application), str(log))
    for pause in application.durations.polls():
        standing = look(application, publication_id)
        progress.show(standing, application.clock.now())
        if not standing.state.active or standing.rests:
            return standing
        workers.ensure(time.monotonic())
        time.sleep(min(pause, 0.5))
    raise AssertionError("polls never end")


def start_worker(application: "Application") -> "Callable[[], bool]":
    """Start a worker that ends when all is done; it outlives this command and writes to HOME/worker.log.

    The answer says, whenever it is asked, whether the worker lives.
    """
    # -P: the current folder may be a stranger's repository, and must not be searched for modules.
    command = [sys.executable, "-P", "-m", "tagstone", "worker", "--drain"]
    with (application.home / LOG).open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=application.home, start_new_session=True
        )
    return lambda: process.poll() is None


def failed_log(application: "Application", standing: Standing) -> str:
    """The last lines of the log of the build or run that failed, as safe text; empty where there is none."""
    from tagstone.store import logs

    failed = next((step.step for step in standing.steps if step.state == "failed"), None)
    if failed not in ("build", "run"):
        return ""
    row = standing.publication
    with application.sessions.read() as session:
        log = logs.find(session, row.id, logs.source(failed, row.attempt))
    return last_lines(application.storage, log, _TAIL) if log is not None else ""
