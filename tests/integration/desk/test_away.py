"""The service may be down while its runs go on: nothing is lost, nothing comes twice."""

import time
from pathlib import Path

from rigs.pods import KEY, PATIENCE, Counter, Pod, log_of, outputs_of, pod, until
from tagstone.desk.serving import serving
from tagstone.domain.runs.run import OutputRules
from tagstone.domain.runs.told import Phase

AWAY = 2.0  # seconds


def test_a_run_goes_on_and_ends_while_the_service_is_down(tmp_path: Path):
    counter = Counter(tmp_path / "service")
    command = "echo one; while ! [ -e go ]; do sleep 0.05; done; echo two; echo out > out.csv; exit 5"
    with counter.open():
        made = Pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sh", "-c", command)))
        assert made.stage() == 0
        keeper = made.keep()
        run = made.run("sh", "-c", command)
        until(lambda: log_of(counter.desk) == b"one\n")
    try:
        (made.workspace / "go").touch()
        assert run.wait(PATIENCE) == 5
        time.sleep(AWAY)
        with counter.open():
            assert keeper.wait(PATIENCE) == 0
            told = counter.desk.told(KEY)
            assert (told.done, told.keeping.exit_code) == (True, 5)
            assert log_of(counter.desk) == b"one\ntwo\n"
            assert outputs_of(counter, "*.csv") == {"out.csv": b"out\n"}
    finally:
        made.end()


def test_a_large_output_goes_on_where_it_was_when_the_service_comes_back(tmp_path: Path):
    counter = Counter(tmp_path / "service")
    size = 60_000_000
    command = f"head -c {size} /dev/urandom > large.bin; sha256sum large.bin | cut -c-64"
    with counter.open():
        made = Pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sh", "-c", command)))
        assert made.stage() == 0
        keeper = made.keep()
        made.run("sh", "-c", command)
        incoming = counter.folder / "desk" / KEY / "incoming"
        until(lambda: any(file.stat().st_size > 0 for file in incoming.glob("*")))
    try:
        time.sleep(AWAY)
        with counter.open():
            assert keeper.wait(PATIENCE) == 0
            files = counter.desk.collect(KEY, OutputRules(("*.bin",)))
            assert [(file.path, file.size, f"{file.sha256}\n") for file in files] == [
                ("large.bin", size, log_of(counter.desk).decode())
            ]
    finally:
        made.end()


def test_the_workspace_is_filled_when_the_service_comes_back(tmp_path: Path):
    counter = Counter(tmp_path / "service")
    token = counter.desk.open(KEY, counter.spec("true"))
    with pod(tmp_path / "pod", counter.port, token) as made:
        staging = made.begin_to_stage()
        time.sleep(AWAY)
        assert staging.poll() is None
        with counter.open():
            assert staging.wait(PATIENCE) == 0
    assert (made.workspace / "code.txt").read_bytes() == b"code\n"


def test_of_two_pods_the_later_one_speaks_and_the_earlier_one_ends(tmp_path: Path):
    counter = Counter(tmp_path / "service")
    with counter.open():
        token = counter.desk.open(KEY, counter.spec("sh"), grace=1)
        with pod(tmp_path / "first", counter.port, token, pod="first") as first:
            assert first.stage() == 0
            keeper = first.keep()
            run = first.run("sh", "-c", "echo first; exec sleep 60")
            until(lambda: log_of(counter.desk) == b"first\n")
            with pod(tmp_path / "second", counter.port, token, pod="second") as second:
                assert second.stage() == 0
                assert log_of(counter.desk) == b""
                assert keeper.wait(PATIENCE) == 1
                assert run.wait(PATIENCE) == 143
                later = second.keep()
                second.run("sh", "-c", "echo second; echo 2 > out.csv")
                assert later.wait(PATIENCE) == 0
        assert log_of(counter.desk) == b"second\n"
        assert outputs_of(counter, "*.csv") == {"out.csv": b"2\n"}


def test_a_pod_of_a_run_that_was_closed_ends(tmp_path: Path):
    counter = Counter(tmp_path / "service")
    with counter.open():
        with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sh"), grace=1)) as made:
            assert made.stage() == 0
            keeper = made.keep()
            run = made.run("sleep", "60")
            until(lambda: counter.desk.told(KEY).keeping.phase is Phase.RUNNING)
            counter.desk.close(KEY)
            assert keeper.wait(PATIENCE) == 1
            assert run.wait(PATIENCE) == 143
        assert not (counter.folder / "desk" / KEY).exists()


def test_of_two_processes_of_a_home_the_second_takes_over_when_the_first_ends(tmp_path: Path):
    counter = Counter(tmp_path / "service")
    with serving(counter.anew(), "127.0.0.1", counter.port):
        later = serving(counter.desk, "127.0.0.1", counter.port)
        later.__enter__()
    try:
        with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("true"))) as made:
            assert made.stage() == 0
    finally:
        later.__exit__(None, None, None)
