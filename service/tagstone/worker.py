"""The process that works: holds its lock, takes over from dead workers, and performs what is queued."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import secrets
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import structlog
from dbos import DBOS, DBOSConfig
from dbos._dbos import _get_dbos_instance
from sqlalchemy.exc import DBAPIError

from tagstone.adapters.workqueue import APPLICATION, APPLICATION_VERSION
from tagstone.bootstrap import Application, configure_logging
from tagstone.errors import TagstoneError, Temporary
from tagstone.store import publications
from tagstone.workflows import deliver
from tagstone.workflows.publish import register
from tagstone.workflows.steps import Steps
from tagstone.workflows.watch import Forges, Keys, Watch

_TELLING, _ANNOUNCING, _COMPARING, _RECONCILING = "telling", "announcing", "comparing", "reconciling"
_GUARDING = "guarding"
_LOOKS = 5
"""Looks that what is given to this worker may take to begin."""
_CONNECTIONS = 8
"""Those that the engine of workflows keeps, with a thread for each; both hold on to memory, however little they do."""
_M_ARENA_MAX, _ARENAS = -8, 1  # mallopt(3)
_log = structlog.get_logger("tagstone.worker")


def run_worker(application: Application, *, drain: bool, stop: threading.Event | None = None) -> None:
    """Work until told to stop, or with `drain` until nothing is left to do."""
    configure_logging(application.settings)
    _spare_memory()
    stop = stop or _stop_on_signals()
    executor = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    application.locks.hold(executor)
    try:
        _work(application, executor, stop, drain=drain)
    finally:
        application.locks.release(executor)
    _log.info("worker has stopped", executor=executor)


def _spare_memory() -> None:
    # What is loaded stays for good. Left out of account, what comes and goes is collected before there is much of it.
    gc.freeze()
    # Threads would keep an arena each, with all that it ever needed. Only glibc has arenas, and this function.
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _work(application: Application, executor: str, stop: threading.Event, *, drain: bool) -> None:
    """Perform what is queued until told to stop, or with `drain` until nothing is left; what was begun in threads has ended then."""
    sessions, durations = application.sessions, application.durations
    ended = threading.Event()
    at = application.forges
    forges = Forges(at.taking, at.reconciliation, at.announcing) if application.settings.forges else None
    watch = Watch(application.ports, sessions, durations, application.policy, application.url, forges)
    threads = application.settings.worker_threads
    with application.clusters.at_work(), ThreadPoolExecutor(threads, thread_name_prefix="step") as pool:
        DBOS(config=_config(application, executor))
        register(Steps(application.ports, sessions, durations, application.policy, pool, application.home, application.news))
        if forges is not None:
            deliver.register(deliver.Deliveries(forges.taking, durations, application.clock), application.clock, pool)
        # Opened before the launch: the engine looks for new queues once a second only.
        application.queue.open(durations.poll)
        DBOS.launch()
        try:
            for work, make in (
                (_TELLING, watch.tell_and_ask),
                (_ANNOUNCING, watch.announce),
                (_COMPARING, watch.compare),
                (_RECONCILING, watch.reconcile),
                (_GUARDING, partial(watch.guard, _keys(application))),
            ):
                # A round may take hours, where a large deposit is read: it ends with the process, and is made again.
                threading.Thread(target=_rounds, args=(application, work, make, ended), name=work, daemon=True).start()
            threading.Thread(target=_heed, args=(application, ended), name="heeding", daemon=True).start()
            _log.info("worker is ready", executor=executor)
            _stay(application, executor, stop, drain=drain)
            if drain:
                _round(application, _TELLING, watch.tell_and_ask)
                _round(application, _ANNOUNCING, watch.announce)
        finally:
            ended.set()
            DBOS.destroy(workflow_completion_timeout_sec=0)


def _stay(application: Application, executor: str, stop: threading.Event, *, drain: bool) -> None:
    """Look after what dead workers left and what this one lost, until told to stop, or with `drain` until nothing is left to do."""
    recovery, looked = application.durations.recovery, -math.inf
    free, idle = set[str](), Counter[str]()
    while not stop.is_set():
        held = application.locks.keep(executor)
        try:
            if not held:
                # Whose own lock is lost sees those of others free for the same reason.
                free = set()
            elif time.monotonic() - looked >= recovery:
                free, idle, looked = _take_over(application, free), _take_up(executor, idle), time.monotonic()
            if drain and _nothing_left(application, executor):
                return
        except (DBAPIError, Temporary) as error:
            _log.warning("the database is away", error=str(error))
        # Twice as often as others look: a lock that got lost is taken again before anybody has found it free twice.
        stop.wait(min(recovery / 2, 0.5 if drain else math.inf))


def _keys(application: Application) -> Keys:
    held, settings = application.credentials, application.settings
    return Keys(held.looking(), held.rotating() if settings.forges and settings.secret_keys else None)


def _rounds(application: Application, work: str, make: Callable[[], None], ended: threading.Event) -> None:
    """Make rounds until the worker ends."""
    while not ended.wait(application.durations.recovery):
        _round(application, work, make)


def _heed(application: Application, ended: threading.Event) -> None:
    """Have those stop soon who only wait for news, where somebody asked for it."""
    while not ended.wait(application.durations.poll_longest):
        if application.news.awaited:
            try:
                with application.sessions.read() as session:
                    asked = publications.to_stop(session)
            except TagstoneError:
                continue  # the database is away, which whoever works says
            for publication, attempt in asked:
                application.news.tell(f"{publication}-{attempt}")


def _round(application: Application, work: str, make: Callable[[], None]) -> None:
    """Make one round, unless another worker makes it."""
    try:
        with application.locks.alone(work) as mine:
            if mine:
                make()
    except Exception:  # noqa: BLE001 - the next one may find the database again
        _log.exception("a round broke off", work=work)


def _config(application: Application, executor: str) -> DBOSConfig:
    url = application.engine.url.render_as_string(hide_password=False)
    return {
        "name": APPLICATION,
        "system_database_url": url,
        "application_version": APPLICATION_VERSION,
        "executor_id": executor,
        "run_migrations": False,
        "log_level": "WARNING",
        # Without a limit each of many publications that begin at once would get a thread, and none of these ever ends.
        "max_executor_threads": _CONNECTIONS,
        "sys_db_pool_size": _CONNECTIONS,
        # Nothing is listened for; but a worker that has nothing left ends only when the listener has looked once more.
        "notification_listener_polling_interval_sec": application.durations.poll,
    }


def _take_over(application: Application, before: set[str]) -> set[str]:
    """Recover what dead workers left, each workflow by whoever is first; returns the executors whose locks are free.

    Where a free lock does not prove a death, only those are dead whose locks were free at the look `before` as well.
    """
    pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
    found = {workflow.executor_id for workflow in pending if workflow.executor_id}
    free = {executor for executor in found if application.locks.is_free(executor)}
    for executor in free if application.locks.certain else free & before:
        _log.info("taking over from a worker that died", executor=executor)
        # The engine names no public way to recover one executor's workflows; this one admits exactly one taker.
        DBOS._recover_pending_workflows([executor])  # noqa: SLF001
        application.locks.forget(executor)
    return free


def _take_up(executor: str, before: Counter[str]) -> Counter[str]:
    """Queue again what was given to this worker by an answer that got lost with its connection; returns what may be such, and
    how many looks ago it was found.
    """
    mine = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False)
    # The engine names no public way to tell what runs in this process.
    running = _get_dbos_instance()._active_workflows_set.activeList()  # noqa: SLF001
    idle = Counter({found: before[found] + 1 for found in {workflow.workflow_id for workflow in mine} - set(running)})
    for found in [found for found, looks in idle.items() if looks > _LOOKS]:
        _log.info("taking up what was given to this worker and got lost", workflow=found)
        DBOS.resume_workflow(found)
        del idle[found]
    return idle


def _nothing_left(application: Application, executor: str) -> bool:
    """Nothing is asked for, and the engine has written down the end of all that this worker did."""
    with application.sessions.read() as session:
        if publications.active(session):
            return False
    mine = DBOS.list_workflows(status="PENDING", executor_id=executor, load_input=False, load_output=False, limit=1)
    return not mine


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
