"""The database goes away from under workers, again and again: they live on, and do everything once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, make_url, text

from e2e.kills.test_kills import assert_one_of_everything
from fakes.trial import Trial

pytestmark = pytest.mark.postgres

_OUTAGE = 0.4


@contextmanager
def cutting(database: str) -> Iterator[Callable[[], None]]:
    """Gives what ends every connection to a database and lets nobody in for a while."""
    url = make_url(database)
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def cut() -> None:
        with admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false"))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": url.database}
            )
            time.sleep(_OUTAGE)
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true"))

    yield cut
    admin.dispose()


@pytest.mark.parametrize("pause", [0.5, 1.3])
def test_workers_outlive_their_database_and_do_everything_once(
    new_trial: Callable[..., Trial],
    new_database: Callable[[], str],
    record_property: Callable[[str, object], None],
    pause: float,
) -> None:
    database = new_database()
    trial = new_trial(database)
    publication = trial.submit()
    workers = [trial.start(), trial.start()]
    cuts, ends = 0, time.monotonic() + 90
    with cutting(database) as cut:
        while any(worker.is_alive() for worker in workers):
            assert time.monotonic() < ends, trial.log()[-6000:]
            workers[0].join(pause)
            if cuts < 8:
                cut()
                cuts += 1
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0], trial.log()[-6000:]
    assert_one_of_everything(trial, publication)
    record_property("cuts", cuts)
