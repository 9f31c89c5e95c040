"""A home with a tiny base image, a repository with a tag, and workers in processes of their own that can be killed."""

import io
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from fakes import trial
from fakes.trial import Trial
from tagstone.adapters.workqueue import DurableQueue
from tagstone.domain.oci import CONFIG, LAYER, Descriptor, ImageSettings, Platform
from tagstone.image.manifest import config_bytes, manifest_bytes
from tagstone.ports import Registry
from tagstone.store.migrations import upgrade
from tagstone.store.session import build_engine

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
_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ada"), ("EMAIL", "a@example.org"), ("DATE", "2026-01-01T00:00:00Z"))
}


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
    for name, content in (("tagstone.yml", MANIFEST), ("CITATION.cff", CITATION), ("analysis.py", "print('wobble')\n")):
        (repository / name).write_text(content)
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


@pytest.fixture
def new_trial(template: Path, tmp_path: Path) -> Callable[..., Trial]:
    """Makes fresh trials, on SQLite or on the database that is given."""
    made = iter(range(10_000))

    def make(database: str | None = None) -> Trial:
        folder = tmp_path / str(next(made))
        shutil.copytree(template, folder, symlinks=True)
        return Trial(folder, database)

    return make


@pytest.fixture
def new_database() -> Iterator[Callable[[], str]]:
    """Makes databases with this version's tables, on the server that `make test-postgres` starts."""
    server = make_url(os.environ["TAGSTONE_TEST_POSTGRES"])
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def make() -> str:
        names.append(f"trial_{secrets.token_hex(6)}")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[-1]}"))
        url = server.set(database=names[-1]).render_as_string(hide_password=False)
        engine = build_engine(url, 5.0)
        upgrade(engine)
        DurableQueue(engine).prepare()
        engine.dispose()
        return url

    yield make
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
