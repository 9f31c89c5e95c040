"""Beside the run: the keeper takes its log, holds its limits, says how it stands, and brings its outputs when it has ended."""

import json
import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import replace

from tagstone.adapters.system_clock import SystemClock
from tagstone.adapters.workspace import discard, usage
from tagstone.domain.runs.plan import Plan, plan_from
from tagstone.domain.runs.seen import Seen
from tagstone.domain.runs.told import Keeping, Phase
from tagstone.errors import Conflict, TagstoneError, Temporary
from tagstone.pod.control import Control
from tagstone.pod.desk_client import Desk
from tagstone.pod.log import Log
from tagstone.pod.measured import measured
from tagstone.pod.messenger import Messenger
from tagstone.pod.place import Place
from tagstone.pod.sending import send
from tagstone.pod.telling import problem_of

_BLOCK = 2**18
_TICK = 0.1  # seconds
_LAST = 5.0  # seconds for what is still in the pipe when all has ended
_SAMPLING = 1.0  # seconds
_SILENCE = 120.0  # seconds without a word from `hold.sh`, which says something every second: its container is gone


def keep(place: Place) -> int:
    """Keep the run until its end is told and its outputs are brought. The exit code says whether the desk has heard all of it."""
    plan = plan_from(json.loads(place.plan.read_bytes()))
    log = Log(place.own / "log", plan.log_bytes)
    messenger = Messenger(Desk(place, patience=plan.patience), log)
    watch = _Watch(place, plan, log, messenger)
    # Whoever of ours wants an end says so at the desk: by a signal the cluster takes the pod away.
    signal.signal(signal.SIGTERM, lambda *_: watch.end("taken"))
    pipe = Control(place.control).open_log()
    (place.tools / "ready").touch()
    messenger.start()
    while not watch.over and messenger.failure is None:
        watch.drain(pipe, _TICK)
        watch.look()
    if messenger.failure is not None:
        # Nobody wants to know any more: the run was closed, or another pod took its place.
        watch.end("stop")
        watch.wait(pipe, plan.grace + _LAST)
        # The pod that took this one's place works in the same folder.
        if not isinstance(messenger.failure, Conflict):
            _clear(place)
        return 1
    watch.drain(pipe, 0.0)
    messenger.say(replace(watch.keeping, phase=Phase.COLLECTING))
    return _bring(place, plan, messenger, watch)


def _bring(place: Place, plan: Plan, messenger: Messenger, watch: "_Watch") -> int:
    keeping = replace(watch.keeping, phase=Phase.COLLECTING)

    def arrived(files: int, size: int) -> None:
        nonlocal keeping
        keeping = replace(keeping, files=files, bytes=size)
        messenger.say(keeping)

    try:
        if not keeping.unstarted:
            send(place.workspace, plan, Desk(place, patience=plan.patience), arrived)
    except (TagstoneError, OSError) as error:
        keeping = replace(keeping, problem=problem_of(error))
    _clear(place)
    return 0 if messenger.finish(replace(keeping, phase=Phase.DONE)) else 1


def _clear(place: Place) -> None:
    """Remove the run's folder from a volume that outlives the pod.

    That of a pod that was killed stays as it is until the same run begins again, which empties it first; so does what cannot be removed.
    """
    if place.lasting:
        with suppress(Temporary):
            discard(place.workspace)


class _Watch:
    """What is known of the command, looked at again and again."""

    def __init__(self, place: Place, plan: Plan, log: Log, messenger: Messenger) -> None:
        self.keeping = Keeping()
        self._place = place
        self._plan = plan
        self._log = log
        self._messenger = messenger
        self._control = Control(place.control)
        self._seen = Seen()
        self._began = 0.0
        self._heard = time.monotonic()
        self._measured_at = 0.0
        self._next_sample = 0.0
        self._next_walk = 0.0

    @property
    def over(self) -> bool:
        """True when the command has ended."""
        return self.keeping.phase is Phase.ENDED

    def wait(self, pipe: int, patience: float) -> None:
        """Wait for the command's end, up to so many seconds."""
        end = time.monotonic() + patience
        while not self.over and time.monotonic() < end:
            self.drain(pipe, _TICK)
            self.look()

    def drain(self, pipe: int, patience: float) -> None:
        """Take what the command has written; wait up to `patience` seconds for the first of it."""
        end = time.monotonic() + (patience or _LAST)
        while select.select([pipe], [], [], patience)[0]:
            data = _read(pipe)
            if not data:
                # Nobody has it open for writing: not yet, or not any more.
                time.sleep(patience)
                break
            self._log.take(data)
            if time.monotonic() > end:
                break
        self.keeping = replace(self.keeping, log_bytes=self._log.kept, left_out=self._log.left_out)

    def look(self) -> None:
        """Read what is noted, hold the limits, and pass it on."""
        orders = self._messenger.orders
        if orders.end:
            self.end(orders.end)
        if self.keeping.phase is Phase.WAITING:
            self._look_for_begin()
        if self.keeping.phase is Phase.RUNNING and time.monotonic() >= self._next_sample:
            self._next_sample = time.monotonic() + _SAMPLING
            self._measure("usage")
            self._hold_limits()
        self._look_for_end(gone=orders.gone)
        self._messenger.say(self.keeping)

    def end(self, why: str) -> None:
        """Have the command ended; the first reason counts."""
        if not self.keeping.ended_by and self.keeping.phase is not Phase.ENDED:
            (self._place.tools / "end").touch()
            self.keeping = replace(self.keeping, ended_by=why)

    def _look_for_begin(self) -> None:
        note = self._control.note("started")
        if note is not None:
            self._began, self._heard = time.monotonic(), time.monotonic()
            self.keeping = replace(self.keeping, phase=Phase.RUNNING, started_at=note.at)
            self._measure("granted")

    def _measure(self, name: str) -> None:
        note = self._control.note(name)
        if note is None or note.at == self._measured_at:
            return
        self._heard, self._measured_at = time.monotonic(), note.at
        found = measured(note.text, self._place.own / "measured")
        if found is None:
            return
        seen = replace(self._seen, peak_memory=found.seen.peak_memory, oom_kills=found.seen.oom_kills)
        if name == "granted":
            seen = replace(seen, granted=found.seen.granted)
        if found.cpu_seconds is not None and found.memory is not None:
            seen = seen.using(max(0.0, note.at - (self.keeping.started_at or note.at)), found.cpu_seconds, found.memory)
        self._seen = seen
        self.keeping = replace(
            self.keeping,
            granted=seen.granted,
            peak_memory=seen.peak_memory,
            oom_kills=seen.oom_kills,
            usage=seen.usage,
            # Also of what was over before there could be a sample.
            cpu_seconds=self.keeping.cpu_seconds if found.cpu_seconds is None else found.cpu_seconds,
        )

    def _hold_limits(self) -> None:
        now = time.monotonic()
        if now - self._began > self._plan.time:
            self.end("time")
        elif now >= self._next_walk:
            used = usage(self._place.workspace, self._plan.disk)
            # Looking must not cost more than a tenth of the time.
            self._next_walk = now + 10 * (time.monotonic() - now)
            if used > self._plan.disk:
                self.end("disk")

    def _look_for_end(self, *, gone: bool) -> None:
        note = self._control.note("ended")
        silent = self.keeping.phase is Phase.RUNNING and time.monotonic() - self._heard > _SILENCE
        if note is None and not gone and not silent:
            return
        self._measure("usage")
        code = note.text.strip() if note else ""
        why = self._control.note("unstarted")
        self.keeping = replace(
            self.keeping,
            phase=Phase.ENDED,
            ended_at=note.at if note else SystemClock().now(),
            exit_code=int(code) if code.isdecimal() and len(code) <= 3 else None,
            unstarted=why.text.strip()[:500] if why and self.keeping.started_at is None else "",
        )


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, _BLOCK)
    except BlockingIOError:
        return b""
