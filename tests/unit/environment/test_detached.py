"""A child process outlives its parent, is adopted, found lost, and ended whole."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tagstone.adapters import detached

ENV = {"PATH": os.environ["PATH"]}


def wait_for(condition, seconds=10.0):
    for _ in range(int(seconds / 0.02)):
        answer = condition()
        if answer:
            return answer
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to pass")


def start(folder: Path, script: str, seconds: float = 60.0) -> bool:
    with detached.claim(folder) as claim:
        if claim:
            claim.spawn(["sh", "-c", script], ENV, seconds)
        return claim is not None


def is_running(folder: Path) -> bool:
    status = detached.observe(folder)
    return status is not None and status.running


def ended(folder: Path):
    def code():
        status = detached.observe(folder)
        return None if status is None or status.running else (status,)

    (status,) = wait_for(code)
    assert not status.lost
    return status.exit_code


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "job"
    detached.stop(tmp_path / "job")


def test_nothing_is_known_of_a_child_that_was_never_started(folder):
    assert detached.observe(folder) is None


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_and_the_log_of_both_streams_are_kept(folder, code):
    start(folder, f"echo out; echo err >&2; exit {code}")
    assert ended(folder) == code
    chunk = detached.read_log(folder, "")
    assert chunk.data == b"out\nerr\n"
    assert detached.read_log(folder, chunk.cursor).data == b""
    assert detached.last_line(folder) == "err"


def test_a_second_start_adopts_a_running_child(folder):
    assert start(folder, "echo once; sleep 30")
    wait_for(lambda: detached.read_log(folder, "").data)
    assert not start(folder, "echo twice")
    assert detached.observe(folder) == detached.Detached(running=True)
    assert detached.read_log(folder, "").data == b"once\n"


def test_a_second_start_adopts_a_child_that_ended(folder):
    start(folder, "exit 5")
    ended(folder)
    assert not start(folder, "exit 0")
    assert ended(folder) == 5


def test_it_is_running_from_the_moment_that_start_returns(folder):
    for number in range(5):
        start(folder / str(number), "sleep 30")
        assert is_running(folder / str(number))
    for number in range(5):
        detached.stop(folder / str(number))


def test_those_who_look_at_once_do_not_mislead_each_other_or_a_starter(folder):
    folder.mkdir()
    (folder / "lock").touch()
    ending = threading.Event()
    seen = []

    def look():
        while not ending.is_set():
            seen.append(is_running(folder))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(seen) > 100)
    early = seen[:100]
    claimed = start(folder, "exit 0")
    ending.set()
    for thread in threads:
        thread.join()
    assert not any(early)
    assert claimed


def test_the_child_survives_the_death_of_its_parent(folder):
    parent = (
        "import os, signal, sys; from pathlib import Path; from tagstone.adapters import detached\n"
        "with detached.claim(Path(sys.argv[1])) as claim: claim.spawn(['sh', '-c', 'sleep 0.5; exit 7'], {'PATH': '/usr/bin:/bin'}, 60)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", parent, str(folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert is_running(folder)
    assert ended(folder) == 7


def test_a_child_whose_keeper_was_killed_is_running_until_it_ends_and_then_lost(folder):
    start(folder, "echo $PPID; sleep 30")
    keeper, child = sorted(wait_for(lambda: len(found := detached._members(folder)) >= 2 and found))[:2]
    assert int(wait_for(lambda: detached.read_log(folder, "").data)) == keeper
    os.kill(keeper, signal.SIGKILL)
    assert is_running(folder)
    detached.stop(folder)
    status = detached.observe(folder)
    assert status
    assert status.lost
    assert child not in detached._parents()


def test_stop_ends_the_whole_tree_with_what_left_the_session(folder):
    start(folder, "setsid sleep 31 & sleep 32 & trap '' TERM; echo ready; sleep 33")
    wait_for(lambda: b"ready" in detached.read_log(folder, "").data and len(detached._members(folder)) >= 5)
    detached.stop(folder, grace=0.2)
    assert detached._members(folder) == set()


def test_what_a_child_leaves_behind_ends_with_it(folder):
    start(folder, "setsid sleep 31 & exit 0")
    assert ended(folder) == 0
    assert wait_for(lambda: len(detached._members(folder)) == 0)


def test_a_child_that_takes_too_long_is_ended_and_says_so(folder):
    start(folder, "sleep 30", seconds=0.2)
    assert ended(folder) == detached.TIMED_OUT
    assert "0.2 seconds" in detached.last_line(folder)


def test_a_program_that_is_not_there_is_an_exit_code_and_a_line(folder):
    with detached.claim(folder) as claim:
        assert claim
        claim.spawn(["/does/not/exist"], ENV, 10)
    assert ended(folder) == 127
    assert "cannot be started" in detached.last_line(folder)


def test_the_child_sees_only_the_environment_it_was_given(folder):
    with detached.claim(folder) as claim:
        assert claim
        claim.spawn(["env"], {"ONLY": "this"}, 10)
    ended(folder)
    names = {line.partition(b"=")[0] for line in detached.read_log(folder, "").data.splitlines()}
    assert names - {b"LC_CTYPE"} == {b"ONLY"}


def test_stopping_what_was_never_started_is_no_error(folder):
    detached.stop(folder)
