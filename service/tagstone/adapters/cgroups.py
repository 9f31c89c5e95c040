"""What the kernel grants and says of a container: hardware and limits from inside it, memory, and whom it killed.

Works on cgroup v1 and v2, without a shell in the image: everything is read from /proc and /sys of this machine.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagstone.domain.runs.hardware import Granted
from tagstone.domain.runs.seen import Seen

_CGROUPS = Path("/sys/fs/cgroup")
_NO_PROCESS = Path("/nonexistent")
_UNLIMITED = 2**60  # cgroup v1 says "no limit" by a number close to 2**63


@dataclass(frozen=True)
class Inside:
    """What was read of a container: its hardware, peak and kills, and what it has used so far (seconds) and uses now (bytes)."""

    seen: Seen
    cpu_seconds: float | None
    memory: int | None


def inside(pid: int, container: str) -> Inside | None:
    """What the container's main process sees; None when it has ended, or cannot be read by this user."""
    process = Path(f"/proc/{pid}")
    try:
        groups = (process / "cgroup").read_text()
        status = (process / "status").read_text()
        places = _places(groups)
        # The number may have gone to another process; one that is just ending is in the root group of version 1 already.
        if container not in str(places.get("memory", places.get("", ""))):
            return None
        granted = _granted(process, status, places)
        seen = Seen(granted, _number(places, "memory", "memory.max_usage_in_bytes", "memory.peak"), _oom_kills(places))
        found = Inside(seen, _cpu_seconds(places), _working_set(places))
        # A group that went away while it was read would look like one without limits.
        same = (process / "cgroup").read_text() == groups
    except OSError:
        return None
    return found if same else None


def here() -> Granted | None:
    """What this very process has; None where /proc does not tell.

    In a container, version 1 names groups as the host does and shows only the container's own: those are taken instead.
    """
    process = Path("/proc/self")
    try:
        named = _places((process / "cgroup").read_text())
        places = {name: path if path.is_dir() else _top(name) for name, path in named.items()}
        return _granted(process, (process / "status").read_text(), places)
    except OSError:
        return None


def copied(folder: Path, status: str) -> Inside:
    """What copies of a container's own files in /sys/fs/cgroup say (those of version 1 in folders of their controllers' names).

    `status` is /proc/self/status of a process in it, on this machine.
    """
    places = {"": folder} | {name: folder / name for name in ("cpu", "cpuacct", "memory", "pids")}
    peak = _number(places, "memory", "memory.max_usage_in_bytes", "memory.peak")
    seen = Seen(_granted(_NO_PROCESS, status, places), peak, _oom_kills(places))
    return Inside(seen, _cpu_seconds(places), _working_set(places))


def _granted(process: Path, status: str, places: Mapping[str, Path]) -> Granted:
    return Granted(
        source="inside",
        cpu_model=cpu_model(),
        cpus_visible=_count(_field(status, "Cpus_allowed_list")),
        cpu_limit=_cpu_limit(places),
        memory_limit=_limit(places, "memory", "memory.limit_in_bytes", "memory.max"),
        memory_total=_memory_total(),
        pids_limit=_limit(places, "pids", "pids.max", "pids.max"),
        kernel=os.uname().release,
        architecture=os.uname().machine,
        gpus=_gpus(process),
    )


def from_engine(about: Mapping[str, Any], limits: Mapping[str, Any]) -> Granted:
    """What the engine says of its machine and of a container's limits, when nothing was read from inside."""
    return Granted(
        source="engine",
        # Engines are spoken to through a socket of this machine: its processor is ours.
        cpu_model=cpu_model(),
        cpus_visible=int(about.get("NCPU") or 0),
        cpu_limit=(limits.get("NanoCpus") or 0) / 10**9 or None,
        memory_limit=limits.get("Memory") or None,
        memory_total=about.get("MemTotal") or None,
        pids_limit=limits.get("PidsLimit") or None,
        kernel=str(about.get("KernelVersion") or ""),
        architecture=os.uname().machine,
    )


def cpu_model() -> str | None:
    """The processor's name, None where the kernel does not tell."""
    text = Path("/proc/cpuinfo").read_text(errors="replace")
    return _field(text, "model name") or _field(text, "Model") or None


def parent_peak(parent: str) -> int | None:
    """The highest use of memory (bytes) in a container's parent group, which stays when the container has ended.

    A Podman that is not of our own may keep its monitor in there too: some 4 MiB, and the pages of the log it writes.
    """
    places = {"memory": _CGROUPS / "memory" / parent.lstrip("/"), "": _unified() / parent.lstrip("/")}
    return _number(places, "memory", "memory.max_usage_in_bytes", "memory.peak")


def parent_cpu(parent: str) -> float | None:
    """The processor time (seconds) of a container's parent group, which stays when the container has ended."""
    return _cpu_seconds({"cpuacct": _CGROUPS / "cpuacct" / parent.lstrip("/"), "": _unified() / parent.lstrip("/")})


def remove_parent(parent: str) -> None:
    """Remove a container's parent group in every hierarchy; what is in use stays."""
    for top in (_CGROUPS, *_CGROUPS.iterdir()):
        group = top / parent.lstrip("/")
        if group.is_dir():
            with contextlib.suppress(OSError):
                for child in group.iterdir():
                    if child.is_dir():
                        child.rmdir()
                group.rmdir()


def killed_for_memory(container: str) -> bool | None:
    """Whether the kernel's log names a process of this container as killed for memory; None when it cannot be read."""
    try:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        while True:
            try:
                line = os.read(log, 8192)
            except BrokenPipeError:
                continue  # what was next has been overwritten
            if b"oom-kill:" in line and container.encode() in line:
                return True
    except BlockingIOError:
        return False
    except OSError:
        return None
    finally:
        os.close(log)


def _places(text: str) -> dict[str, Path]:
    """The folder of each controller; that of version 2 under the empty name."""
    places = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            places[controller] = _top(controller) / path.lstrip("/")
    return places


def _top(controller: str) -> Path:
    return _CGROUPS / controller.removeprefix("name=") if controller else _unified()


def _unified() -> Path:
    """Where version 2 is mounted: beside the hierarchies of version 1, or in their place."""
    beside = _CGROUPS / "unified"
    return beside if beside.is_dir() else _CGROUPS


def _read(places: Mapping[str, Path], controller: str, first: str, second: str) -> str | None:
    """The file `first` of the controller's own hierarchy (version 1), else `second` of the unified one."""
    for place, name in ((places.get(controller), first), (places.get(""), second)):
        if place is not None and name:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return (place / name).read_text()
    return None


def _number(places: Mapping[str, Path], controller: str, first: str, second: str) -> int | None:
    text = (_read(places, controller, first, second) or "").strip()
    return int(text) if text.isdecimal() else None


def _limit(places: Mapping[str, Path], controller: str, first: str, second: str) -> int | None:
    value = _number(places, controller, first, second)
    return value if value is not None and value < _UNLIMITED else None


def _cpu_limit(places: Mapping[str, Path]) -> float | None:
    quota = _number(places, "cpu", "cpu.cfs_quota_us", "")
    period = _number(places, "cpu", "cpu.cfs_period_us", "")
    if quota is None and "" in places:
        both = (_read({"": places[""]}, "", "cpu.max", "cpu.max") or "").split()
        quota, period = (int(both[0]), int(both[1])) if len(both) == 2 and both[0].isdecimal() else (None, None)
    return quota / period if quota and period else None


def _cpu_seconds(places: Mapping[str, Path]) -> float | None:
    text = _read(places, "cpuacct", "cpuacct.usage", "cpu.stat") or ""
    if text.strip().isdecimal():
        return int(text) / 10**9
    match = re.search(r"^usage_usec (\d+)$", text, re.MULTILINE)
    return int(match[1]) / 10**6 if match else None


def _working_set(places: Mapping[str, Path]) -> int | None:
    """Bytes in use, without pages of files that the kernel could drop at once: as `docker stats` and kubelets count."""
    used = _number(places, "memory", "memory.usage_in_bytes", "memory.current")
    text = _read(places, "memory", "memory.stat", "memory.stat") or ""
    match = re.search(r"^(?:total_)?inactive_file (\d+)$", text, re.MULTILINE)
    return None if used is None else max(0, used - (int(match[1]) if match else 0))


def _oom_kills(places: Mapping[str, Path]) -> int | None:
    text = _read(places, "memory", "memory.oom_control", "memory.events") or ""
    match = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else None


def _memory_total() -> int | None:
    match = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _count(ranges: str) -> int:
    """How many numbers there are in a list such as `0-3,8`."""
    parts = [part.partition("-") for part in ranges.split(",") if part]
    return sum(int(last or first) - int(first) + 1 for first, _, last in parts)


def _gpus(process: Path) -> tuple[str, ...]:
    """The NVIDIA devices that the process can open, by model."""
    found = []
    for about in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        text = about.read_text(errors="replace")
        if (process / "root" / "dev" / f"nvidia{_field(text, 'Device Minor')}").exists():
            found.append(_field(text, "Model"))
    return tuple(found)
