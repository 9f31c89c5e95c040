"""Runs in a changed root by buildah, where no engine works: nothing is kept apart, so it has to be asked for by name.

The code runs as an ordinary user, but sees the host's processes, its network and its loopback services; memory, CPU and
processes are not limited. Time and the workspace's size are held by observing, the size of one file by the kernel.
"""

import json
import os
import platform
import subprocess
from pathlib import Path

from tagstone.adapters import detached
from tagstone.adapters.build_jobs import SEARCH_PATH, is_loopback, settings_of
from tagstone.adapters.cgroups import cpu_model
from tagstone.adapters.outputs import collect
from tagstone.adapters.process_tree import consumption
from tagstone.adapters.run_folder import Begun, Ending, RunFolder, boot, known
from tagstone.adapters.workspace import discard, stage, usage
from tagstone.domain.runs.hardware import Granted, format_bytes, format_seconds
from tagstone.domain.runs.run import (
    TEMPORARY,
    TEMPORARY_PLACES,
    USER,
    Isolation,
    LogChunk,
    Outcome,
    OutputFile,
    OutputRules,
    RunSpec,
    RunStatus,
)
from tagstone.errors import Conflict, NotFound, Permanent, Temporary
from tagstone.ports import Clock, Registry, Storage

_CONTAINER = "tagstone-run"
_BACKSTOP = 60  # seconds after the limit in which the keeper ends a run that nobody observes
_CALL_SECONDS = 1800.0
_UNHELD = "not isolated: memory, CPU, processes and network were not limited"


class ChrootRuns:
    """Runs below `folder`; `log_limit` bytes of log each are read."""

    name = "chroot"

    def __init__(self, folder: Path, registry: Registry, storage: Storage, clock: Clock, *, log_limit: int) -> None:
        self._folder = folder
        self._registry = registry
        self._storage = storage
        self._clock = clock
        self._log_limit = log_limit

    def start(self, key: str, spec: RunSpec) -> None:
        """Begin, or adopt what an earlier start began. An image that cannot be had ends the run with that outcome.

        Raises:
            Permanent: a GPU is asked for.
            Temporary: the registry does not answer, or no process can be started.
        """
        if spec.resources.gpu:
            raise Permanent("A changed root cannot hand out GPUs.", remedy="Use Docker Engine: TAGSTONE_RUNS__ENGINE=docker.")
        run = RunFolder(self._folder, key)
        with run.locked():
            if run.status is not None or run.ending is not None:
                return
            if run.spec is None:
                discard(run.workspace)
                stage(run.workspace, spec, self._storage)
                run.spec = spec
            with detached.claim(_child(run)) as claim:
                if claim is None or run.begun is not None:
                    return
                command = self._prepare(run, spec)
                if command is not None:
                    run.begun = Begun(str(self._clock.now()), boot())
                    claim.spawn(command, _environment(run), spec.resources.time + _BACKSTOP)

    def observe(self, key: str) -> RunStatus:
        """How the run stands; also where its time and disk limits are held. Raises: NotFound, Temporary."""
        run = known(self._folder, key)
        if run.status is not None:
            return run.status
        if run.begun is None:
            return RunStatus(isolation=Isolation.NONE, engine=self.name, detail="It has not begun yet.")
        child = detached.observe(_child(run))
        began = float(run.begun.name)
        if child is None or child.lost:
            return self._conclude(run, Outcome.ENGINE, None, "Its process is gone without an answer.")
        if child.running:
            self._look(run, began)
            self._hold_limits(run, began)
            return RunStatus(
                started_at=began, granted=_granted(), isolation=Isolation.NONE, engine=self.name, usage=run.seen.usage
            )
        if run.ending is not None:
            return self._conclude(run, run.ending.outcome, child.exit_code, run.ending.detail)
        return self._conclude(run, Outcome.FAILED if child.exit_code else Outcome.SUCCEEDED, child.exit_code, "")

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes (both streams) since `cursor` (empty: from the start), as far as the limit. Raises: NotFound."""
        run = known(self._folder, key)
        left = self._log_limit - (int(cursor) if cursor.isdecimal() else 0)
        return detached.read_log(_child(run), cursor, min(2**20, left)) if left > 0 else LogChunk(b"", cursor)

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Put the outputs into storage under their checksums. Raises: Conflict while it runs, Invalid, NotFound."""
        run = known(self._folder, key)
        if self.observe(key).running:
            raise Conflict(f"The run {key} has not ended.", remedy="Wait for its end, or stop it.")
        return collect(run.workspace, rules, self._storage)

    def stop(self, key: str) -> None:
        """End the run's processes; its workspace and logs stay readable. Raises: Temporary."""
        run = RunFolder(self._folder, key)
        if run.spec is not None and run.status is None:
            run.ending = Ending(Outcome.STOPPED, "It was stopped.")
            self._end(run)

    def remove(self, key: str) -> None:
        """Remove processes, root and workspace; nothing there is no error. Raises: Temporary."""
        run = RunFolder(self._folder, key)
        if not run.path.exists():
            return
        with run.locked():
            detached.stop(_child(run))
            self._clean_up(run)
            discard(run.path)

    def _prepare(self, run: RunFolder, spec: RunSpec) -> list[str] | None:
        """Pull the image and lay out its root; the command that runs in it, None when the image cannot be had."""
        self._clean_up(run)
        try:
            with self._registry.pullable(spec.image) as reference:
                verify = f"--tls-verify={'false' if is_loopback(reference) else 'true'}"
                image = _call(run, "pull", "--quiet", verify, reference).split()[-1]
            limit = f"fsize={spec.resources.disk}:{spec.resources.disk}"
            _call(run, "from", "--pull-never", "--ulimit", limit, "--name", _CONTAINER, image)
        except (NotFound, Permanent) as error:
            run.status = RunStatus(outcome=Outcome.IMAGE, detail=error.message, isolation=Isolation.NONE, engine=self.name)
            return None
        settings = settings_of(json.loads(_call(run, "inspect", "--type", "image", image))["OCIv1"].get("config") or {})
        return [*_buildah(run), *_run_arguments(run, spec), "--", *settings.entrypoint, *(spec.command or settings.command)]

    def _look(self, run: RunFolder, began: float) -> None:
        """Sample what the run uses; buildah, which started it, counts too."""
        used = consumption(detached.keeper(_child(run)))
        if used is not None:
            run.seen = run.seen.using(self._clock.now() - began, *used)

    def _hold_limits(self, run: RunFolder, began: float) -> None:
        spec = run.spec
        if spec is None:
            return
        used, passed = usage(run.workspace, spec.resources.disk), self._clock.now() - began
        if passed > spec.resources.time:
            run.ending = Ending(Outcome.TIME_LIMIT, f"It was ended after {format_seconds(passed)}.")
        elif used > spec.resources.disk:
            run.ending = Ending(Outcome.DISK_LIMIT, f"It was ended with more than {format_bytes(spec.resources.disk)} in use.")
        if run.ending is not None:
            self._end(run)

    def _end(self, run: RunFolder) -> None:
        detached.stop(_child(run))
        if run.begun is None or detached.observe(_child(run)) is None:
            self._conclude(run, Outcome.STOPPED, None, "It was stopped before it began.")
        elif run.ending is not None and run.status is None:
            self._conclude(run, run.ending.outcome, None, run.ending.detail)

    def _conclude(self, run: RunFolder, outcome: Outcome, code: int | None, detail: str) -> RunStatus:
        status = RunStatus(
            started_at=float(run.begun.name) if run.begun else None,
            finished_at=self._clock.now(),
            outcome=outcome,
            exit_code=code,
            detail=f"{detail} ({_UNHELD})".strip(),
            granted=_granted(),
            isolation=Isolation.NONE,
            engine=self.name,
            usage=run.seen.usage,
            cpu_seconds=run.seen.cpu_seconds or None,
        )
        run.status = status
        self._clean_up(run)
        return status

    def _clean_up(self, run: RunFolder) -> None:
        if (run.path / "storage").exists():
            _call(run, "rm", "--all")
            _call(run, "rmi", "--all", "--force")
            discard(run.path / "storage")


def _child(run: RunFolder) -> Path:
    return run.path / "child"


def _buildah(run: RunFolder) -> list[str]:
    storage = run.path / "storage"
    return ["buildah", "--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", "vfs"]


def _environment(run: RunFolder) -> dict[str, str]:
    return {"PATH": SEARCH_PATH, "HOME": str(run.path), "TMPDIR": str(run.path), "LANG": "C.UTF-8"}


def _run_arguments(run: RunFolder, spec: RunSpec) -> list[str]:
    temporary = run.workspace / TEMPORARY
    user = USER if os.geteuid() == 0 else os.getuid()
    arguments = ["run", "--isolation", "chroot", "--user", f"{user}:{user}", "--workingdir", spec.place, "--cap-drop", "all"]
    for place, folder in ((spec.place, run.workspace), *((place, temporary) for place in TEMPORARY_PLACES)):
        arguments += ["--volume", f"{folder}:{place}"]
    for name, value in sorted(spec.variables.items()):
        arguments += ["--env", f"{name}={value}"]
    return [*arguments, _CONTAINER]


def _call(run: RunFolder, *arguments: str) -> str:
    (run.path / "storage").mkdir(exist_ok=True)
    try:
        answer = subprocess.run(
            [*_buildah(run), *arguments],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CALL_SECONDS,
            env=_environment(run),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Temporary(f"buildah {arguments[0]} did not answer: {type(error).__name__}.") from error
    if answer.returncode != 0:
        said = next((line for line in reversed(answer.stderr.splitlines()) if line.strip()), "no reason given")
        raise Permanent(
            f"buildah {arguments[0]} failed: {said.strip()[:300]}", remedy="Look whether buildah works on this machine."
        )
    return answer.stdout


def _granted() -> Granted:
    cores = os.sched_getaffinity(0)
    return Granted(
        source="engine",
        cpu_model=cpu_model(),
        cpus_visible=len(cores),
        cpu_limit=None,
        memory_limit=None,
        memory_total=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        pids_limit=None,
        kernel=platform.release(),
        architecture=platform.machine(),
    )
