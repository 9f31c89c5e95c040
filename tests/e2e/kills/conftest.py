"""A home with a tiny base image, a repository with a tag, and workers in processes of their own that can be killed."""

import io
import multiprocessing
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import trial

from tagstone.actions.submit import submit
from tagstone.domain.oci import CONFIG, LAYER, Descriptor, ImageSettings, Platform
from tagstone.domain.publication import Kind
from tagstone.image.manifest import config_bytes, manifest_bytes
from tagstone.ports import Registry

MANIFEST = """\
environment: {base: "debian:bookworm", apt: [python3]}
run: {command: [python3, analysis.py]}
outputs: [results/*]
"""
CITATION = """\
cff-version: 1.2.0
message: Cite it.
title: Wobble
authors: [{family-names: Lovelace, given-names: Ada}]
license: MIT
"""
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["fakes.trial"])
_WHO = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in (("NAME", "Ada"), ("EMAIL", "a@example.org"), ("DATE", "2026-01-01T00:00:00Z"))}


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=environment)


def put_base(registry: Registry) -> None:
    """A base of one file: enough for an engine that is a fake."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("etc")
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
    data = layer.getvalue()
    blob = registry.put_blob("base/debian", [data], LAYER)
    config = registry.put_blob("base/debian", [config_bytes(Platform(), ImageSettings(), [blob.digest], [], 0)], CONFIG)
    registry.put_manifest("base/debian", manifest_bytes(Descriptor(CONFIG, config.digest, config.size), [blob], {}), "bookworm")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home` and `wobble`, to be copied for each trial."""
    folder = tmp_path_factory.mktemp("template")
    repository = folder / "wobble"
    repository.mkdir()
    for name, text in (("tagstone.yml", MANIFEST), ("CITATION.cff", CITATION), ("analysis.py", "print('wobble')\n")):
        (repository / name).write_text(text)
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "First")
    git(repository, "tag", "v1.0.0")
    application = trial.TrialApplication(trial.settings(folder / "home", None))
    put_base(application.registry)
    with application.sessions.read():
        pass
    application.engine.dispose()
    return folder


@dataclass
class Trial:
    """One home, one repository, and workers on them."""

    folder: Path
    database: str | None = None

    @property
    def application(self) -> trial.TrialApplication:
        return trial.TrialApplication(trial.settings(self.folder / "home", self.database))

    def submit(self, tag: str = "v1.0.0", *, supersede: bool = False) -> str:
        application = self.application
        location = str(self.folder / "wobble")
        project, commit = application.forge.identify(location), application.forge.resolve(location, tag)
        with application.sessions.write() as session:
            asked = submit(session, application.queue, 1.0, project, commit, Kind.PUBLICATION, supersede=supersede)
        application.engine.dispose()
        return asked.publication

    def start(self, fatal: int | None = None) -> multiprocessing.Process:
        process = _PROCESSES.Process(target=trial.work, args=(self.folder / "home", self.database, fatal))
        process.start()
        return process  # type: ignore[return-value]  # a forkserver process is a process

    def work(self, fatal: int | None = None) -> int:
        """Let one worker work; its exit code is -9 when it was killed."""
        process = self.start(fatal)
        process.join(60)
        if process.exitcode is None:
            process.kill()
            pytest.fail(f"the worker hangs: {self.log()[-4000:]}")
        return process.exitcode

    def moments(self) -> list[str]:
        return (self.folder / "home" / "moments").read_text().splitlines()

    def log(self) -> str:
        return (self.folder / "home" / "worker.log").read_text(errors="replace")


@pytest.fixture
def new_trial(template: Path, tmp_path: Path) -> Callable[[], Trial]:
    """Makes fresh trials."""
    made = iter(range(10_000))

    def make() -> Trial:
        folder = tmp_path / str(next(made))
        shutil.copytree(template, folder, symlinks=True)
        return Trial(folder)

    return make
