"""What `doctor` examines: one function per thing this machine needs, each answering what it found and what to do."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tagstone.cli.foreign_errors import translated
from tagstone.domain.hardware import format_bytes
from tagstone.errors import NotFound, TagstoneError

if TYPE_CHECKING:
    from tagstone.bootstrap import Application

OK, WARNING, FAULT = "ok", "warning", "fault"
_GIT = (2, 25)  # the first with everything that the forge calls
_TIGHT, _FULL = 10 * 2**30, 2**30  # bytes
_BASES = ("debian:bookworm",)


@dataclass(frozen=True)
class Finding:
    """What one check found: `verdict` is ok, warning or fault; `remedy` is empty when all is well."""

    check: str
    verdict: str
    text: str
    remedy: str = ""


Check = Callable[["Application"], Finding]


def examine(application: "Application") -> list[Finding]:
    """Every finding, in the order in which things are needed; nothing that is checked can end the others."""
    return [_guarded(name, check, application) for name, check in CHECKS.items()]


def _guarded(name: str, check: Check, application: "Application") -> Finding:
    try:
        return check(application)
    except TagstoneError as error:
        return Finding(name, FAULT, error.message, error.remedy)
    except Exception as error:  # noqa: BLE001 - whatever a broken machine answers is a finding; its text may quote a password
        told = translated(error)
        text = told.message if told else f"could not be checked: {type(error).__name__}"
        return Finding(name, FAULT, text, "Look at what the other lines say first.")


def home(application: "Application") -> Finding:
    """The home folder, and the room on its disk."""
    application.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(application.home).free
    text = f"{application.home}, {format_bytes(free)} free"
    if free < _TIGHT:
        return Finding("home", FAULT if free < _FULL else WARNING, text, "Make room, or set TAGSTONE_HOME to another disk.")
    return Finding("home", OK, text)


def git(_application: "Application") -> Finding:
    """The git program and its version."""
    path = shutil.which("git")
    if path is None:
        return Finding("git", FAULT, "not found", "Install git (Debian: apt-get install git).")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    version = re.search(r"(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < _GIT:
        return Finding("git", WARNING, f"{said} is older than what was tried", f"Install git {_GIT[0]}.{_GIT[1]} or newer.")
    return Finding("git", OK, said)


def database(application: "Application") -> Finding:
    """The database: reachable, and with this version's tables."""
    from tagstone.store.migrations import current, head

    # A password may stand in the query too, so that is left out.
    shown = application.engine.url.set(query={}).render_as_string(hide_password=True)
    found, wanted = current(application.engine), head()
    if found == wanted:
        return Finding("database", OK, f"{shown}, revision {found}")
    if found is None and application.engine.dialect.name == "sqlite":
        return Finding("database", OK, f"{shown}, empty; its tables are made at the first use")
    text = f"{shown} has revision {found or 'none'}, this version needs {wanted}"
    newer = found is not None and found > wanted
    return Finding("database", FAULT, text, "Install the newer Tagstone again." if newer else "Run `tagstone db upgrade`.")


def engine(application: "Application") -> Finding:
    """The engine that runs images."""
    if application.settings.runs.engine == "chroot":
        return Finding(
            "engine",
            WARNING,
            "chroot isolates nothing: runs see this machine",
            "Install podman and set TAGSTONE_RUNS__ENGINE=podman.",
        )
    return Finding("engine", OK, str(application.containers))


def builder(application: "Application") -> Finding:
    """The engine that makes root filesystems."""
    return Finding("builder", OK, application.builder.name)


def registry(application: "Application") -> Finding:
    """The registry that keeps images: a small blob, always the same, is written to it."""
    application.registry.put_blob("tagstone-doctor", [b"{}"], "application/octet-stream")
    where = application.settings.builds.registry
    return Finding("registry", OK, f"{where or application.home / 'images'}, writable")


def bases(application: "Application") -> Finding:
    """The base images that generated environments commonly stand on."""
    from tagstone.actions.base_image import resolve_base, this_platform
    from tagstone.domain.lock import Lock

    missing = []
    for written in _BASES:
        try:
            resolve_base(application.registry, None, written, Lock(), this_platform())
        except NotFound:
            missing.append(written)
    if not missing:
        return Finding("base images", OK, f"{', '.join(_BASES)} at hand")
    if application.upstream is not None:
        return Finding("base images", OK, f"{', '.join(missing)} would be pulled from {application.settings.builds.upstream}")
    return Finding("base images", WARNING, f"{', '.join(missing)} not at hand", f"Run `tagstone base-image {missing[0]}`.")


def worker(application: "Application") -> Finding:
    """Whether somebody works on what is queued."""
    if application.locks.anybody():
        return Finding("worker", OK, "alive")
    from tagstone.store import publications
    from tagstone.store.migrations import current, head

    if current(application.engine) != head():
        return Finding("worker", OK, "none, and nothing waits")
    with application.sessions.read() as session:
        waiting = publications.active(session)
    if waiting:
        return Finding("worker", WARNING, f"none, and {len(waiting)} wait", "Run `tagstone worker --drain`.")
    return Finding("worker", OK, "none, and nothing waits; `publish` starts one when it needs it")


CHECKS: dict[str, Check] = {
    "home": home,
    "git": git,
    "database": database,
    "engine": engine,
    "builder": builder,
    "registry": registry,
    "base images": bases,
    "worker": worker,
}
