"""What `doctor` examines: one function per thing this machine needs, each answering what it found and what to do."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tagstone.cli.foreign_errors import translated
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import NotFound, TagstoneError, Temporary

if TYPE_CHECKING:
    from tagstone.bootstrap import Application
    from tagstone.domain.credentials.credential import Credential

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
    return [*(guarded(name, check, application) for name, check in CHECKS.items()), *_credentials(application)]


def guarded(name: str, check: Check, application: "Application") -> Finding:
    """What a check found; whatever goes wrong in it is a finding too."""
    try:
        return check(application)
    except TagstoneError as error:
        return Finding(name, FAULT, error.message, error.remedy)
    except Exception as error:  # noqa: BLE001 - whatever a broken machine answers is a finding; its text may quote a password
        told = translated(error)
        text = told.message if told else f"could not be checked: {type(error).__name__}"
        return Finding(name, FAULT, text, "Look at what the other lines say first.")


def _credentials(application: "Application") -> list[Finding]:
    """What each credential is worth at its server; nothing while the database is not there, which is a finding of its own."""
    from tagstone.store.migrations import current, head

    try:
        if current(application.engine) != head():
            return []
        held = application.credentials.held()
    except Exception:  # noqa: BLE001 - the database's own finding says what is the matter with it
        return []
    asked = [one for one in held if one.look is not None]
    return [guarded(one.name, partial(_credential, one=one), application) for one in asked]


def _credential(application: "Application", one: "Credential") -> Finding:
    from tagstone.domain.credentials.credential import due

    try:
        known = application.credentials.looking().look(one)
    except Temporary as error:
        return Finding(one.name, WARNING, f"could not be asked about: {error.message}", "Look again when its server answers.")
    where = f"Make a new one, and put it where this one is: {one.place}."
    if known.fault is not None:
        return Finding(one.name, FAULT, known.fault, where)
    text = f"may {known.may}" if known.may else "its server answers"
    if known.expires_at is None:
        return Finding(one.name, OK, text)
    text += f", until {datetime.fromtimestamp(known.expires_at, UTC):%Y-%m-%d}"
    ends = due(known.expires_at, application.clock.now(), None, one.warn) is not None
    return Finding(one.name, WARNING if ends else OK, text, where if ends else "")


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
    try:
        return Finding("engine", OK, str(application.containers))
    except NotFound:
        if not application.settings.forges:
            raise
        text = "none: images have to come from pipelines, and results with the code"
        return Finding("engine", WARNING, text, "Install podman where this service is to build or run something itself.")


def builder(application: "Application") -> Finding:
    """The engine that makes root filesystems."""
    return Finding("builder", OK, application.builder.name)


def own_host(application: "Application") -> Finding:
    """What of projects registered at forges is built and run on this host."""
    name, settings = "registered projects", application.settings
    if not settings.forges:
        return Finding(name, OK, "this site has no GitLab")
    allowed = {"built": settings.builds.registered, "run": settings.runs.registered}
    used = {"built": application.builder.name, "run": application.runner.name}
    said = " and ".join(f"{done} by {engine}" for done, engine in allowed.items() if engine)
    for done, engine in allowed.items():
        if engine not in (None, used[done]):
            return Finding(name, FAULT, f"may be {said} here, but {used[done]} is in use", f"Let the service use {engine}.")
    if not said:
        return Finding(name, OK, "their code is neither built nor run on this host")
    worse = "; buildah isolates nothing" if allowed["built"] == "buildah" else ""
    text = f"their code is {said} on this host: whoever may tag there shares its kernel{worse}"
    return Finding(
        name, WARNING, text, "Let pipelines build and run, or unset TAGSTONE_BUILDS__REGISTERED and TAGSTONE_RUNS__REGISTERED."
    )


def registry(application: "Application") -> Finding:
    """The registry that keeps images: a small blob, always the same, is written to it."""
    application.registry.put_blob("tagstone-doctor", [b"{}"], "application/octet-stream")
    where = application.settings.builds.registry
    return Finding("registry", OK, f"{where or application.home / 'images'}, writable")


def bases(application: "Application") -> Finding:
    """The base images that generated environments commonly stand on."""
    from tagstone.actions.base_image import resolve_base, this_platform
    from tagstone.domain.environments.lock import Lock

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
    "registered projects": own_host,
    "registry": registry,
    "base images": bases,
    "worker": worker,
}
