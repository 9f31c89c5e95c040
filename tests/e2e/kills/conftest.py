"""A home with a tiny base image, a repository with a tag, and workers in processes of their own that can be killed."""

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from fakes import trial
from fakes.small_project import make_repository, put_base
from fakes.trial import Lossy, Trial
from tagstone.adapters.workqueue import DurableQueue
from tagstone.store.migrations import upgrade
from tagstone.store.session import build_engine
from tagstone.worker import run_worker


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `home` and `wobble`, to be copied for each trial."""
    folder = tmp_path_factory.mktemp("template")
    make_repository(folder / "wobble")
    application = trial.TrialApplication(trial.settings(folder / "home", None))
    put_base(application.registry)
    with application.sessions.read():
        pass
    application.engine.dispose()
    _learn(tmp_path_factory.mktemp("learnt") / "trial", folder)
    return folder


def _learn(place: Path, template: Path) -> None:
    """Publish once in this process: what its workers import and compile is there, in those that are forked from it, from the start."""
    shutil.copytree(template, place, symlinks=True)
    made = Trial(place)
    made.submit()
    application = made.application
    run_worker(application, drain=True, stop=threading.Event())
    application.engine.dispose()


@pytest.fixture
def new_trial(template: Path, tmp_path: Path) -> Callable[..., Trial]:
    """Makes fresh trials, on SQLite or on the database that is given."""
    made = iter(range(10_000))

    def make(database: str | None = None, lossy: Lossy | None = None) -> Trial:
        folder = tmp_path / str(next(made))
        shutil.copytree(template, folder, symlinks=True)
        return Trial(folder, database, lossy)

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
