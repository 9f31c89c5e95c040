"""Runs in containers of Docker Engine or Podman.

The command replaces the image's CMD; an ENTRYPOINT stays in front of it, as the image specification has it. The engine
holds CPU, memory, processes and the size of one file; time and the workspace's size are held by observing.
"""

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tagstone.adapters import cgroups, engine_logs
from tagstone.adapters.engine_client import Engine
from tagstone.adapters.engine_container import check_spec, container_name, create, memory_group
from tagstone.adapters.engine_verdict import seconds, verdict
from tagstone.adapters.outputs import collect
from tagstone.adapters.run_folder import Begun, Ending, RunFolder, boot, known
from tagstone.adapters.workspace import discard, stage, usage
from tagstone.domain.runs.hardware import Resources, format_bytes, format_seconds
from tagstone.domain.runs.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.domain.runs.seen import Seen
from tagstone.errors import Conflict, NotFound, Permanent, TagstoneError, Temporary
from tagstone.ports import Clock, Registry, Storage

_OVER = ("exited", "stopped", "dead", "removing")
_MAY_START = ("created", "configured", "initialized")
_NO_COMMAND = ("executable file", "exec format error", "exec: ")


class EngineRuns:
    """Runs below `folder`; `pids_limit` processes and `log_limit` bytes of log each, `grace` seconds between TERM and KILL."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        storage: Storage,
        folder: Path,
        clock: Clock,
        *,
        pids_limit: int = 1024,
        log_limit: int = 64 * 2**20,
        grace: int = 10,
    ) -> None:
        self.name = engine.flavour
        self._engine = engine
        self._registry = registry
        self._storage = storage
        self._folder = folder
        self._clock = clock
        self._pids_limit = pids_limit
        self._log_limit = log_limit
        self._grace = grace
        self._next_walk: dict[str, float] = {}

    def start(self, key: str, spec: RunSpec) -> None:
        """Begin, or adopt what an earlier start began. An image that cannot be had ends the run with that outcome.

        Raises:
            Invalid: the code or an input does not fit into a workspace.
            NotFound: code or input are not in storage.
            Permanent: the engine refuses what is asked for.
            Temporary: engine or registry do not answer.
        """
        run = RunFolder(self._folder, key)
        check_spec(self._engine, spec)
        with run.locked():
            if run.status is not None or run.ending is not None:
                return
            if run.spec is None:
                discard(run.workspace)
                stage(run.workspace, spec, self._storage)
                run.spec = spec
            container = self._inspect(run)
            if container is None and run.begun is None:
                container = self._create(run, spec)
            if container is not None and container["State"]["Status"] in _MAY_START and not _interrupted(run):
                self._begin(run, container)

    def observe(self, key: str) -> RunStatus:
        """How the run stands; also where its time and disk limits are held. Raises: NotFound, Temporary."""
        run = known(self._folder, key)
        if run.status is not None:
            return run.status
        container = self._inspect(run)
        if container is None and run.begun is None:
            return RunStatus(engine=str(self._engine), detail="It has not begun yet.")
        if container is None or (_interrupted(run) and not _succeeded(container["State"])):
            lost = RunStatus(outcome=Outcome.ENGINE, detail=_lost(run), engine=str(self._engine))
            run.status = lost
            return lost
        state = container["State"]
        if state["Status"] in _OVER:
            return self._conclude(run, container)
        if state["Status"] not in _MAY_START:
            self._look_inside(run, container)
            self._hold_limits(run, container)
        return RunStatus(
            started_at=seconds(state["StartedAt"]),
            granted=run.seen.granted,
            engine=str(self._engine),
            peak_memory=run.seen.peak_memory,
            usage=run.seen.usage,
        )

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes (both streams) since `cursor` (empty: from the start). Raises: NotFound, Invalid, Temporary."""
        run = known(self._folder, key)
        at = engine_logs.Cursor.parse(cursor)
        container = self._inspect(run)
        if container is None:
            return LogChunk(b"", cursor)
        ended = container["State"]["Status"] in _OVER
        path = Path(container.get("LogPath") or "/nonexistent")
        if at.kind != "api" and os.access(path, os.R_OK):
            try:
                return engine_logs.read_file(path, at, self._log_limit, ended=ended)
            except OSError as error:
                raise Temporary(f"The log of the run {key} cannot be read: {error.strerror}.") from error
        with self._engine.calling(f"The log of the run {key} was asked for"):
            return engine_logs.read_messages(self._messages(container["Id"]), at, self._log_limit, ended=ended)

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Put the outputs into storage under their checksums. Raises: Conflict while it runs, Invalid, NotFound."""
        run = known(self._folder, key)
        if self.observe(key).running:
            raise Conflict(f"The run {key} has not ended.", remedy="Wait for its end, or stop it.")
        return collect(run.workspace, rules, self._storage)

    def stop(self, key: str) -> None:
        """End the run's processes, after the grace by force; its workspace and logs stay readable. Raises: Temporary."""
        run = RunFolder(self._folder, key)
        if run.spec is None or run.status is not None:
            return
        container = self._inspect(run)
        if container is not None and container["State"]["Status"] in _OVER:
            return
        run.ending = Ending(Outcome.STOPPED, "It was stopped.")
        if container is None or container["State"]["Status"] in _MAY_START:
            run.status = RunStatus(outcome=Outcome.STOPPED, detail="It was stopped before it began.", engine=str(self._engine))
        else:
            self._end(container["Id"])

    def remove(self, key: str) -> None:
        """Remove container and workspace; nothing there is no error. Raises: Temporary."""
        run = RunFolder(self._folder, key)
        if not run.path.exists():
            return
        with run.locked():
            container = self._inspect(run)
            if container is not None:
                with self._engine.calling(f"The container of the run {key} was removed"):
                    self._engine.client.api.remove_container(container["Id"], force=True, v=True)
            if group := memory_group(self._engine, run):
                cgroups.remove_parent(group)
            self._next_walk.pop(key, None)
            discard(run.path)

    def _inspect(self, run: RunFolder) -> dict[str, Any] | None:
        try:
            try:
                return self._look(run)
            except Temporary:
                # Podman answers 500 when a container ends while it is looked at; the next look finds it ended.
                return self._look(run)
        except NotFound:
            return None

    def _look(self, run: RunFolder) -> dict[str, Any]:
        with self._engine.calling(f"The run {run.key} was looked at"):
            found: dict[str, Any] = self._engine.client.containers.get(container_name(run)).attrs
        return found

    def _create(self, run: RunFolder, spec: RunSpec) -> dict[str, Any] | None:
        try:
            with self._registry.pullable(spec.image) as reference:
                image = self._engine.pull(reference)
        except (NotFound, Permanent) as error:
            run.status = RunStatus(outcome=Outcome.IMAGE, detail=error.message, engine=str(self._engine))
            return None
        with self._engine.calling(f"A container was made for the run {run.key}"):
            create(self._engine, run, spec, image, pids_limit=self._pids_limit, log_limit=self._log_limit)
        return self._inspect(run)

    def _begin(self, run: RunFolder, container: dict[str, Any]) -> None:
        run.begun = Begun(container["Id"], boot())
        try:
            with self._engine.calling(f"The run {run.key} was started"):
                self._engine.client.api.start(container["Id"])
        except TagstoneError as error:
            if not any(word in error.message for word in _NO_COMMAND):
                raise
            run.status = RunStatus(outcome=Outcome.IMAGE, detail=error.message, engine=str(self._engine))
            return
        begun = self._inspect(run)
        if begun is not None:
            self._look_inside(run, begun)

    def _look_inside(self, run: RunFolder, container: dict[str, Any]) -> None:
        found = cgroups.inside(container["State"]["Pid"], container["Id"]) if container["State"].get("Pid") else None
        if found is None:
            return
        before, began = run.seen, seconds(container["State"]["StartedAt"])
        seen = replace(found.seen, usage=before.usage, cpu_seconds=before.cpu_seconds)
        if began is not None and found.cpu_seconds is not None and found.memory is not None:
            seen = seen.using(self._clock.now() - began, found.cpu_seconds, found.memory)
        run.seen = seen

    def _hold_limits(self, run: RunFolder, container: dict[str, Any]) -> None:
        asked = _asked(run)
        began = seconds(container["State"]["StartedAt"])
        now = self._clock.now()
        if began is not None and now - began > asked.time:
            run.ending = Ending(Outcome.TIME_LIMIT, f"It was ended after {format_seconds(now - began)}.")
        elif now >= self._next_walk.get(run.key, 0.0):
            used = usage(run.workspace, asked.disk)
            # Looking must not cost more than a tenth of the time.
            self._next_walk[run.key] = now + 10 * (self._clock.now() - now)
            if used > asked.disk:
                run.ending = Ending(Outcome.DISK_LIMIT, f"It was ended with more than {format_bytes(asked.disk)} in use.")
        if run.ending is not None:
            self._end(container["Id"])

    def _end(self, container: str) -> None:
        with self._engine.calling("A run was ended"):
            self._engine.client.api.stop(container, timeout=self._grace)

    def _conclude(self, run: RunFolder, container: dict[str, Any]) -> RunStatus:
        asked = _asked(run)
        seen = run.seen
        if seen.granted is None:
            with self._engine.calling("The engine was asked for its hardware"):
                about = self._engine.client.info()
            seen = replace(seen, granted=cgroups.from_engine(about, container["HostConfig"]))
        if group := memory_group(self._engine, run):
            seen = replace(seen, peak_memory=cgroups.parent_peak(group) or seen.peak_memory)
            seen = _with_the_end(seen, container["State"], cgroups.parent_cpu(group))
        status = verdict(
            container["State"],
            seen,
            run.ending,
            disk_full=usage(run.workspace, asked.disk) >= asked.disk,
            kernel_says=cgroups.killed_for_memory(container["Id"]),
            engine=str(self._engine),
        )
        run.status = status
        return status

    def _messages(self, container: str) -> Callable[[int], Generator[bytes, None, None]]:
        api = self._engine.client.api
        address = f"{api.base_url}/v{api.api_version}/containers/{container}/logs"

        def fetch(since: int) -> Generator[bytes, None, None]:
            wanted = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": since}
            # Not the SDK's own call: it leaves the connection open when not all of it is read.
            with api.get(address, params=wanted, stream=True) as answer:
                answer.raise_for_status()
                yield from engine_logs.frames(answer.raw.read)

        return fetch


def _with_the_end(seen: Seen, state: Mapping[str, Any], cpu_seconds: float | None) -> Seen:
    """What was seen with the processor time to the end; a run too short to be looked at has one sample of the whole."""
    if cpu_seconds is None or cpu_seconds < seen.cpu_seconds:
        return seen
    began, ended = (seconds(str(state.get(name) or "")) for name in ("StartedAt", "FinishedAt"))
    if not seen.usage and began is not None and ended is not None:
        seen = seen.using(ended - began, cpu_seconds, seen.peak_memory or 0)
    return replace(seen, cpu_seconds=cpu_seconds)


def _asked(run: RunFolder) -> Resources:
    if run.spec is None:
        raise NotFound(f"There is no run {run.key}.", remedy="Start it first.")
    return run.spec.resources


def _interrupted(run: RunFolder) -> bool:
    """True when the machine was switched off while it ran: its workspace is no fresh one any more."""
    return run.begun is not None and run.begun.boot != boot()


def _succeeded(state: Mapping[str, Any]) -> bool:
    return state["Status"] in _OVER and state.get("ExitCode") == 0


def _lost(run: RunFolder) -> str:
    return "The machine was restarted while it ran." if _interrupted(run) else "The engine has lost the container."
