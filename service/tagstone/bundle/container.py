"""The recorded run as an OCI runtime configuration, for runc or crun where no engine is at hand.

Source: OCI runtime specification 1.0, https://github.com/opencontainers/runtime-spec/blob/v1.0.2/config.md
"""

from tagstone.domain.publications.record import ImageFacts, RunFacts
from tagstone.domain.runs.run import TEMPORARY, TEMPORARY_PLACES, USER

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MASKED = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
]
_READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def container(image: ImageFacts, run: RunFacts, *, limited: bool) -> dict[str, object]:
    """A configuration whose root is `rootfs` and whose workspace is `../workspace`, both beside it."""
    environment = {"PATH": _PATH} | dict(image.image.settings.env) | run.spec.variables
    namespaces = ["pid", "ipc", "uts", "mount", *([] if run.spec.network else ["network"])]
    linux: dict[str, object] = {
        "namespaces": [{"type": name} for name in namespaces],
        "maskedPaths": _MASKED,
        "readonlyPaths": _READ_ONLY,
    }
    if limited:
        linux["resources"] = _resources(run)
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": USER, "gid": USER},
            "args": list(command_line(image, run)),
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": run.spec.place,
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "tagstone",
        "mounts": _mounts(run),
        "linux": linux,
    }


def command_line(image: ImageFacts, run: RunFacts) -> tuple[str, ...]:
    """What was started: the image's ENTRYPOINT, then the recorded command, else the image's own."""
    settings = image.image.settings
    return (*settings.entrypoint, *(run.spec.command or settings.command))


def _resources(run: RunFacts) -> dict[str, object]:
    asked, granted = run.spec.resources, run.status.granted
    resources: dict[str, object] = {
        "memory": {"limit": asked.memory, "swap": asked.memory},
        "cpu": {"period": 100_000, "quota": round(asked.cpu * 100_000)},
    }
    if granted and granted.pids_limit:
        resources["pids"] = {"limit": granted.pids_limit}
    return resources


def _mounts(run: RunFacts) -> list[dict[str, object]]:
    mounts = [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),  # noqa: S108  # inside
        *(_mount(place, "bind", f"../workspace/{TEMPORARY}", "rbind", "rw", "nosuid", "nodev") for place in TEMPORARY_PLACES),
        _mount(run.spec.place, "bind", "../workspace", "rbind", "rw", "nosuid", "nodev"),
    ]
    if run.spec.network:
        mounts.append(_mount("/etc/resolv.conf", "bind", "/etc/resolv.conf", "rbind", "ro"))
    return mounts


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, object]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}
