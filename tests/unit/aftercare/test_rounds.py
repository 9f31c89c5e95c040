"""One worker at a time makes rounds, and whoever is there goes on where another one died."""

import multiprocessing
from contextlib import suppress
from pathlib import Path

from tagstone.adapters.executor_locks import FileLocks


def _hold(folder: Path, taken: object, go: object) -> None:
    with FileLocks(folder).alone("telling") as mine:
        taken.send(mine)  # type: ignore[attr-defined]
        go.recv()  # type: ignore[attr-defined]


def test_only_one_process_has_a_work(tmp_path: Path):
    fork = multiprocessing.get_context("fork")
    (heard, taken), (go, ended) = fork.Pipe(duplex=False), fork.Pipe(duplex=False)
    other = fork.Process(target=_hold, args=(tmp_path, taken, go))
    other.start()
    assert heard.recv()
    with FileLocks(tmp_path).alone("telling") as mine:
        assert not mine
    with FileLocks(tmp_path).alone("comparing") as mine:
        assert mine
    other.kill()
    other.join()
    for end in (heard, taken, go, ended):
        end.close()
    with FileLocks(tmp_path).alone("telling") as mine:
        assert mine


def test_a_work_is_no_sign_of_a_worker(tmp_path: Path):
    locks = FileLocks(tmp_path)
    with locks.alone("telling"):
        assert not locks.anybody()


def test_a_work_is_free_again_when_it_broke_off(tmp_path: Path):
    locks = FileLocks(tmp_path)
    with suppress(ZeroDivisionError), locks.alone("telling"):
        _ = 1 / 0
    with locks.alone("telling") as mine:
        assert mine
