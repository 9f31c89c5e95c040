"""Builds that do their worst: what is said, and what is kept from the machine. Each has a time limit and few processes."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from servers.bases import busybox_base
from servers.builders import builds_with, wait_for
from tagstone.adapters.buildah import Buildah
from tagstone.adapters.engine_builds import EngineBuilds
from tagstone.adapters.engine_client import Engine
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.environments.build import BaseImage, BuildState, Recipe
from tagstone.domain.environments.containerfile import parse, rewrite
from tagstone.domain.images.oci import ImageSettings, Platform

pytestmark = pytest.mark.hostile

MIB = 2**20
SECONDS, PIDS = 20.0, 100


def _limited(builder: Buildah | EngineBuilds) -> None:
    """Limits that the machine of a test can bear."""
    builder._jobs._seconds, builder._jobs._processes = SECONDS, PIDS


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 200 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str], tuple[OciLayout, Recipe]]:
    """A Containerfile of one RUN on busybox, and the registry with its base."""
    registry = OciLayout(tmp_path / "images", 30.0)
    base = busybox_base(registry)

    def make(script: str) -> tuple[OciLayout, Recipe]:
        rewritten = rewrite(parse(f"FROM busybox:test\nRUN {script}\n"))
        bases = (BaseImage("busybox:test", base.reference),)
        return registry, Recipe(rewritten.text, bases, 0, (), Platform(), ImageSettings(), settings_from_engine=True)

    return make


def _ended(builder: Buildah | EngineBuilds, made: Recipe) -> tuple[str, str, float]:
    """How a build ended, what it said, and how long it took; nothing of it stays."""
    begun = time.monotonic()
    with builds_with(builder) as builds:
        _limited(builder)
        builds.start("p1", made)
        status = builds.ended("p1", SECONDS * 3)
        log = builds.log("p1")
        largest = max(path.stat().st_size for path in builder._jobs.folder("p1").rglob("log"))
    assert largest <= 65 * MIB
    return f"{status.state}: {status.detail}", log, time.monotonic() - begun


def _limits() -> set[int]:
    """How many processes the keepers that live may have."""
    tops = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))
    found = set()
    for group in (group for top in tops for group in top.rglob("tagstone-child-*/pids.max")):
        with suppress(OSError):  # others come and go
            found.add(group.read_text().strip())
    return {int(text) for text in found if text.isdecimal()}


def test_a_build_may_have_few_processes_and_none_is_left(recipe, tmp_path, record_property) -> None:
    registry, made = recipe("echo begun; sleep 3")
    builder = Buildah(tmp_path / "builds", registry, driver="vfs")
    with builds_with(builder) as builds:
        _limited(builder)
        builds.start("p0", made)
        wait_for(lambda: PIDS in _limits())  # no limit, no fork bomb
        assert builds.ended("p0", SECONDS * 2).state is BuildState.SUCCEEDED
    _, bomb = recipe("b() { b & b & sleep 1; }; b; sleep 2; exit 3")
    told, log, took = _ended(Buildah(tmp_path / "builds", registry, driver="vfs"), bomb)
    assert told.startswith("failed")
    assert "fork" in log
    _record(record_property, "forks without end (buildah)", told, took)


def test_what_a_build_prints_is_limited(recipe, tmp_path, record_property) -> None:
    registry, made = recipe(
        "i=0; while [ $i -lt 24 ]; do cat /bin/busybox /bin/busybox /bin/busybox; i=$((i+1)); done; echo; echo end"
    )
    told, _, took = _ended(Buildah(tmp_path / "builds", registry, driver="vfs"), made)
    assert told.startswith("succeeded")
    _record(record_property, "prints without end (buildah)", told, took)


@pytest.mark.parametrize("pause", ["sleep 0.02", "true"], ids=["slowly", "at once"])
def test_a_build_that_fills_the_disk_is_ended(recipe, small_disk, record_property, pause) -> None:
    registry, made = recipe(f"i=0; while [ $i -lt 400 ]; do cat /bin/busybox > /f$i; i=$((i+1)); {pause}; done; sleep 60")
    told, log, took = _ended(Buildah(small_disk / "builds", registry, driver="vfs"), made)
    assert told.startswith("failed")
    assert "disk is nearly full" in log
    _record(record_property, "fills the disk (buildah)", told, took)


def test_a_build_that_never_ends_is_ended(recipe, tmp_path, record_property) -> None:
    registry, made = recipe("trap '' TERM INT HUP; (setsid sleep 981238 &) ; while :; do sleep 1; done")
    told, log, took = _ended(Buildah(tmp_path / "builds", registry, driver="vfs"), made)
    assert told.startswith("failed")
    assert "20 seconds" in log
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(b"981238" in line for line in lines if line.startswith(b"sleep"))
    _record(record_property, "never ends (buildah)", told, took)


def test_an_engines_build_sees_nothing_of_the_machine(recipe, podman: Engine, tmp_path, record_property) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret-of-somebody-else")
    registry, made = recipe(
        f"cat {secret} /proc/1/root{secret} /proc/1/environ /root/.ssh/*; env; ls /run/secrets; ps; echo end"
    )
    told, log, took = _ended(EngineBuilds(tmp_path / "builds", podman, registry), made)
    assert told.startswith("succeeded"), log
    assert "end" in log
    assert "secret-of-somebody-else" not in log
    _record(record_property, "reads what is ours (podman)", told, took)


def _record(record_property: Callable[[str, object], None], name: str, told: str, took: float) -> None:
    record_property("hostile", f"builds: {name}\t{told[:110]}\t{took:.1f} s")
