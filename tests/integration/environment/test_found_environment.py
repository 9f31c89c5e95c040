"""A repository with files as Binder reads them, and no manifest: it is built, and what it is runs as its author meant."""

import time
from pathlib import Path

import pytest

from fakes.forge import FakeForge
from fakes.some_ports import some_ports, source_of
from servers.bases import debian_base
from servers.builders import builds_with
from tagstone.actions import build
from tagstone.actions.code import keep_archive
from tagstone.adapters.buildah import Buildah
from tagstone.adapters.engine_runs import EngineRuns
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.manifests.manifest import EMPTY
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import Outcome, RunSpec

FILES = {
    "Pipfile.lock": b"""{"_meta": {"requires": {"python_version": "3.11"}}, "develop": {}, "default": {"idna": {
        "hashes": ["sha256:82fee1fc78add43492d3a1898bfa6d8a904cc97d8427f683ed8e798d07761aa0"], "version": "==3.7",
        "markers": "python_version >= '3.5'"}}}""",
    "postBuild": b"#!/bin/bash\nset -e\npython -c 'import idna'\nmkdir -p made\necho by postBuild > 'made/a file'\necho lost >> code.txt\n",
    "start": b'#!/bin/bash\nexport GREETING="hello from start"\nexec "$@"\n',
    "code.txt": b"as committed\n",
    "analysis.sh": b'set -e\necho "$GREETING" > out.txt\ncat "made/a file" code.txt >> out.txt\npython -c "import idna; print(idna.__version__)" >> out.txt\n',
}


@pytest.mark.engines
def test_packages_by_checksum_post_build_and_start_are_as_in_binder(podman, site_ca: Path, tmp_path: Path):
    registry, _ = debian_base()
    forge, storage = FakeForge(), FolderStorage(tmp_path / "storage")
    forge.create("project", FILES)
    commit = forge.commit("project")
    source = source_of(EMPTY, commit)
    ports = some_ports(forge=forge, registry=registry, builder=Buildah(tmp_path / "builds", registry, site_ca=site_ca))
    plan = build.plan(ports, source)
    with builds_with(ports.builder) as builds:
        builds.succeeded("p1", plan.recipe, {file.path: content for file, content in build.context(ports, plan)})
        environment = build.collect_environment(ports, "p1", plan, tmp_path)
    image = build.write_image(ports, environment, plan, source, tmp_path)
    packages = {(one.kind, one.name): one.version for one in environment.packages}
    assert packages["pypi", "idna"] == "3.7"
    assert packages["deb", "python3"].startswith("3.11")
    assert {one.suite for one in environment.archives} >= {"bookworm"}

    archive = keep_archive(forge, storage, "project", commit, forge.entries("project", commit), tmp_path)
    runner = EngineRuns(podman, registry, storage, tmp_path / "runs", SystemClock())
    spec = RunSpec(image.reference, archive.key, image.settings.workdir, ("sh", "analysis.sh"), (), Resources())
    runner.start("r1", spec)
    try:
        ending = time.monotonic() + 120
        while (status := runner.observe("r1")).running and time.monotonic() < ending:
            time.sleep(0.2)
        log = runner.logs("r1", "").data.decode()
        assert status.outcome is Outcome.SUCCEEDED, log
        made = next((tmp_path / "runs").rglob("out.txt"))
        assert made.read_text() == "hello from start\nby postBuild\nas committed\n3.7\n"
    finally:
        runner.stop("r1")
        runner.remove("r1")
