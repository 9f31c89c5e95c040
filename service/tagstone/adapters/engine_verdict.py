"""How a container's run ended, told from what the engine, the kernel and we ourselves know of it."""

import signal
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tagstone.adapters.run_folder import Ending
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.domain.runs.seen import Seen

_KILLED = 128 + signal.SIGKILL


def verdict(
    state: Mapping[str, Any], seen: Seen, ending: Ending | None, *, disk_full: bool, kernel_says: bool | None, engine: str
) -> RunStatus:
    """The final status of a container in `state` (as Docker's API says it).

    Engines mix up who was killed for memory: on cgroup v1 Podman never says so, Docker also when it was a child only. The
    kernel's own count and log decide; the main process was killed when it also ended by SIGKILL.
    """
    code = int(state.get("ExitCode") or 0)
    for_memory = bool(kernel_says or seen.oom_kills or state.get("OOMKilled"))
    main = for_memory and code == _KILLED
    outcome, detail = _outcome(code, str(state.get("Error") or ""), ending, disk_full=disk_full, main=main)
    if for_memory and not main:
        detail = f"{detail} A child process was killed for memory.".strip()
    elif code == _KILLED and outcome is Outcome.FAILED:
        detail = _killed(known=kernel_says is not None or seen.oom_kills is not None)
    return RunStatus(
        started_at=seconds(str(state.get("StartedAt") or "")),
        finished_at=seconds(str(state.get("FinishedAt") or "")),
        outcome=outcome,
        exit_code=code,
        detail=detail,
        granted=seen.granted,
        engine=engine,
        peak_memory=_peak(seen, at_limit=for_memory),
        oom_killed_container=main,
        oom_killed_child=for_memory and not main,
        usage=seen.usage,
        cpu_seconds=seen.cpu_seconds or None,
    )


def seconds(stamp: str) -> float | None:
    """A time as engines write it, in seconds since the epoch; None for the year 1, which means never."""
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return time.timestamp() if time.year > 1 else None


def _outcome(code: int, said: str, ending: Ending | None, *, disk_full: bool, main: bool) -> tuple[Outcome, str]:
    if ending is not None:
        return ending.outcome, ending.detail
    if disk_full:
        return Outcome.DISK_LIMIT, "The workspace is full."
    if main:
        return Outcome.OUT_OF_MEMORY, "Its main process was killed for memory."
    return (Outcome.FAILED if code else Outcome.SUCCEEDED), _meaning(code) or said[:500]


def _peak(seen: Seen, *, at_limit: bool) -> int | None:
    """The highest use of memory: what was last seen, but the limit when something was killed for reaching it."""
    limit = seen.granted.memory_limit if seen.granted and at_limit else None
    return max(seen.peak_memory or 0, limit) if limit else seen.peak_memory


def _meaning(code: int) -> str:
    if code == 126:
        return "126 usually means that the command, or a program it called, may not be executed."
    if code == 127:
        return "127 usually means that the command, or a program it called, was not found."
    number = code - 128
    known = {item.value: item.name for item in signal.Signals}
    return f"It was ended by signal {number} ({known[number]})." if number in known else ""


def _killed(*, known: bool) -> str:
    if known:
        return "It was ended by SIGKILL, which neither Tagstone nor the kernel's memory limit sent."
    return "It was ended by SIGKILL. Memory may have been the reason: this user cannot read what the kernel says."
