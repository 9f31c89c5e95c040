"""The queue as workers find it."""

import multiprocessing
from pathlib import Path

from tagstone.adapters.workqueue import DurableQueue
from tagstone.store.migrations import upgrade
from tagstone.store.session import build_engine


def test_workers_that_start_at_once_open_it_one_after_the_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    engine = build_engine(url, 5.0)
    upgrade(engine)
    DurableQueue(engine).prepare()
    engine.dispose()

    def open_it() -> None:
        DurableQueue(build_engine(url, 20.0)).open(0.1)

    workers = [multiprocessing.get_context("fork").Process(target=open_it) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 8
