"""What a run's container is asked to be: no root, no capabilities, a read-only image, every limit that engines hold."""

import os
import resource
from hashlib import sha256
from typing import Any

import docker.errors
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from tagstone.adapters.engine_client import Engine, explanation
from tagstone.adapters.run_folder import RunFolder
from tagstone.domain.runs.run import TEMPORARY, TEMPORARY_PLACES, USER, RunSpec
from tagstone.errors import Invalid, Permanent

_NOT_WORKSPACES = ("/", "/proc", "/sys", "/dev", "/etc", "/run", *TEMPORARY_PLACES)
_LOG_FACTOR = 8  # an engine writes up to 80 bytes around each line
_MOST_FILES = 2**20
_MOST_PROCESSES = 2**15


def container_name(run: RunFolder) -> str:
    """The container's name: the run's key, and whose it is (two installations may use one engine for the same commit)."""
    return f"tagstone-{run.key}-{sha256(os.fsencode(run.path)).hexdigest()[:8]}"


def memory_group(engine: Engine, run: RunFolder) -> str:
    """The group above the container's, which keeps the peak of memory; empty where we could not remove it again."""
    ours = engine.cgroup_driver == "cgroupfs" and not engine.rootless and os.geteuid() == 0
    return f"/tagstone/{container_name(run)}" if ours else ""


def check_spec(engine: Engine, spec: RunSpec) -> None:
    """Refuse what cannot be run here.

    Raises:
        Invalid: the image's WORKDIR cannot be a workspace.
        Permanent: a GPU is asked for, which this engine cannot hand out.
    """
    clean = spec.place
    if not spec.workdir.startswith("/") or clean in _NOT_WORKSPACES or clean.startswith(("/proc/", "/sys/", "/dev/")):
        raise Invalid(
            f"A workspace cannot be at {spec.workdir[:100]!r}.",
            remedy="Give the image a WORKDIR of its own, such as /workspace.",
        )
    if spec.resources.gpu and engine.flavour == "podman":
        raise Permanent(
            "This runner cannot hand out GPUs: Podman's Docker interface ignores them.",
            remedy="Set TAGSTONE_RUNS__ENGINE=docker on a machine with the NVIDIA container toolkit.",
        )


def create(engine: Engine, run: RunFolder, spec: RunSpec, image: str, *, pids_limit: int, log_limit: int) -> None:
    """Make the container of a run, not yet started; to be called within `engine.calling`."""
    host = _isolation(run, spec) | _limits(engine, spec, pids_limit, log_limit)
    try:
        _create(engine, run, spec, image, {**host, "init": True})
    except docker.errors.APIError as error:
        # Podman wants a package more (catatonit) for its init; without one, zombies stay until the end.
        if "init binary" not in explanation(error):
            raise
        _create(engine, run, spec, image, host)


def _create(engine: Engine, run: RunFolder, spec: RunSpec, image: str, host: dict[str, Any]) -> None:
    api = engine.client.api
    config = api.create_host_config(**host)
    if engine.flavour == "podman" and engine.rootless:
        config["UsernsMode"] = "keep-id"
    if memory_group(engine, run):
        config["CgroupParent"] = memory_group(engine, run)
    api.create_container(
        image,
        list(spec.command) or None,
        name=container_name(run),
        host_config=config,
        user=f"{USER}:{USER}" if os.geteuid() == 0 else f"{os.getuid()}:{os.getgid()}",
        working_dir=spec.place,
        environment=spec.variables,
        hostname="tagstone",
        labels={"org.tagstone.run": run.key},
        stop_signal="SIGTERM",
        # Proxies in this user's Docker configuration may hold passwords.
        use_config_proxy=False,
    )


def _isolation(run: RunFolder, spec: RunSpec) -> dict[str, Any]:
    temporary = str(run.workspace / TEMPORARY)
    mounts = [Mount(spec.place, str(run.workspace), type="bind")]
    mounts += [Mount(place, temporary, type="bind") for place in TEMPORARY_PLACES]
    return {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "network_mode": "bridge" if spec.network else "none",
        "mounts": mounts,
    }


def _limits(engine: Engine, spec: RunSpec, pids_limit: int, log_limit: int) -> dict[str, Any]:
    asked = spec.resources
    limits = [Ulimit(name="fsize", soft=asked.disk, hard=asked.disk), Ulimit(name="core", soft=0, hard=0)]
    log = LogConfig(type="json-file", config={"max-size": str(max(2**20, log_limit * _LOG_FACTOR)), "max-file": "2"})
    if engine.flavour == "podman":
        # Podman would raise these, which a confined root may not.
        limits.append(_own_limit("nofile", resource.RLIMIT_NOFILE, _MOST_FILES))
        limits.append(_own_limit("nproc", resource.RLIMIT_NPROC, _MOST_PROCESSES))
        log = LogConfig(type="k8s-file", config={"max-size": str(max(2**20, log_limit * _LOG_FACTOR))})
    return {
        "nano_cpus": int(asked.cpu * 10**9),
        "mem_limit": asked.memory,
        "memswap_limit": asked.memory,
        "shm_size": asked.memory,
        "pids_limit": pids_limit,
        "ulimits": limits,
        "log_config": log,
        "device_requests": [DeviceRequest(count=asked.gpu, capabilities=[["gpu"]])] if asked.gpu else None,
    }


def _own_limit(name: str, number: int, most: int) -> Ulimit:
    """The limit that this process has itself, at most `most`."""
    hard = resource.getrlimit(number)[1]
    value = most if hard == resource.RLIM_INFINITY else min(hard, most)
    return Ulimit(name=name, soft=value, hard=value)
