"""The programs in a pod, as processes, with a desk over a real socket: what goes in, what comes out, and who ends what."""

import os
import signal
from pathlib import Path

import pytest

from rigs.pods import KEY, PATIENCE, Counter, log_of, outputs_of, pod, to_its_end, until
from tagstone.domain.runs.told import Phase
from tagstone.errors import Conflict, Invalid


def test_a_run_starts_from_code_and_inputs_and_its_outputs_are_kept(counter: Counter, tmp_path: Path):
    command = "mkdir results; cat code.txt data/in.txt > results/out.txt; echo said; echo complained >&2"
    spec = counter.spec("sh", "-c", command, files={"data/in.txt": b"input\n"}, outputs=("results/*.txt",))
    told = to_its_end(counter, tmp_path / "pod", spec)
    keeping = told.keeping
    assert (told.done, told.problem, keeping.phase, keeping.exit_code) == (True, None, Phase.DONE, 0)
    assert (keeping.ended_by, keeping.unstarted) == ("", "")
    assert (told.staging.done, told.staging.files, told.staging.bytes) == (True, 2, told.staging.bytes_total)
    assert told.heard_at is not None
    assert keeping.started_at is not None
    assert keeping.ended_at is not None
    assert keeping.started_at <= keeping.ended_at
    assert log_of(counter.desk) == b"said\ncomplained\n"
    assert outputs_of(counter, "results/*.txt") == {"results/out.txt": b"code\ninput\n"}
    assert (keeping.files, keeping.bytes) == (1, 11)


def test_a_failed_run_keeps_its_log_and_what_it_wrote(counter: Counter, tmp_path: Path):
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", "echo half > part.csv; echo no; exit 3"))
    assert (told.keeping.exit_code, told.done, told.problem) == (3, True, None)
    assert log_of(counter.desk) == b"no\n"
    assert outputs_of(counter, "*.csv") == {"part.csv": b"half\n"}


def test_a_command_that_a_signal_ends_has_the_exit_code_of_shells_and_engines(counter: Counter, tmp_path: Path):
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", "kill -SEGV $$"))
    assert told.keeping.exit_code == 139
    assert log_of(counter.desk) == b""


def test_hardware_and_use_are_read_from_inside(counter: Counter, tmp_path: Path):
    keeping = to_its_end(counter, tmp_path / "pod", counter.spec("sleep", "1.5")).keeping
    assert keeping.granted is not None
    assert keeping.granted.source == "inside"
    assert keeping.granted.cpus_visible == len(os.sched_getaffinity(0))
    assert keeping.granted.kernel == os.uname().release
    assert keeping.usage
    assert keeping.cpu_seconds is not None


def test_the_command_finds_the_environment_it_was_given_and_nothing_else(counter: Counter, tmp_path: Path):
    told_by_cluster = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_PORT": "tcp://10.0.0.1:443"}
    given = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "DOLLAR": "$(x) $$ 'y'"}
    with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("env"))) as made:
        assert made.stage() == 0
        keeper = made.keep()
        made.run("env", env=given | told_by_cluster)
        assert keeper.wait(PATIENCE) == 0
    lines = log_of(counter.desk).decode().splitlines()
    assert dict(line.split("=", 1) for line in lines) == given


@pytest.mark.parametrize("name", ["no-such-program", "exit", "cd", "results", "./code.txt"])
def test_what_is_no_program_of_the_image_is_not_begun(counter: Counter, tmp_path: Path, name: str):
    told = to_its_end(counter, tmp_path / "pod", counter.spec(name, "0"))
    assert told.done
    assert told.keeping.exit_code in (126, 127)
    assert name in told.keeping.unstarted


def test_the_time_limit_ends_the_command_only_and_what_it_had_written_is_kept(counter: Counter, tmp_path: Path):
    command = "trap 'echo told to end; echo late > last.csv; exit 7' TERM; echo early > first.csv; while :; do sleep 0.1; done"
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", command, time=1))
    assert (told.keeping.ended_by, told.keeping.exit_code) == ("time", 7)
    assert outputs_of(counter, "*.csv") == {"first.csv": b"early\n", "last.csv": b"late\n"}
    assert log_of(counter.desk) == b"told to end\n"


def test_a_command_that_does_not_heed_is_killed_with_all_its_children(counter: Counter, tmp_path: Path):
    command = "trap '' TERM; (trap '' TERM; sleep 987) & echo $! > child; echo here > out.csv; while :; do sleep 0.1; done"
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", command, time=1))
    assert (told.keeping.ended_by, told.keeping.exit_code) == ("time", 137)
    outputs = outputs_of(counter, "*")
    assert outputs["out.csv"] == b"here\n"
    child = int(outputs["child"])
    until(lambda: not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text())


def test_more_disk_than_was_asked_for_ends_the_command(counter: Counter, tmp_path: Path):
    command = "for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero > $i.dat; done; sleep 60"
    told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", command, disk=4_000_000))
    assert told.keeping.ended_by == "disk"
    assert set(outputs_of(counter, "*.dat")) == {f"{number}.dat" for number in range(1, 9)}


def test_whoever_stops_the_run_ends_the_command(counter: Counter, tmp_path: Path):
    with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sleep", "60"), grace=1)) as made:
        assert made.stage() == 0
        keeper = made.keep()
        made.run("sleep", "60")
        until(lambda: counter.desk.told(KEY).keeping.phase is Phase.RUNNING)
        with pytest.raises(Conflict, match="not all here"):
            outputs_of(counter, "*")
        counter.desk.end(KEY, "stop")
        assert keeper.wait(PATIENCE) == 0
    assert counter.desk.told(KEY).keeping.ended_by == "stop"
    assert outputs_of(counter, "code.txt") == {"code.txt": b"code\n"}


def test_a_pod_that_is_taken_away_ends_its_command_and_brings_what_there_is(counter: Counter, tmp_path: Path):
    with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sh"), grace=1)) as made:
        assert made.stage() == 0
        keeper = made.keep()
        run = made.run("sh", "-c", "echo some > some.csv; exec sleep 60")
        until((made.workspace / "some.csv").exists)
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(PATIENCE) == 0
        assert run.wait(PATIENCE) == 143
    assert outputs_of(counter, "*.csv") == {"some.csv": b"some\n"}


def test_nothing_is_left_on_a_volume_that_outlives_the_pod(counter: Counter, tmp_path: Path):
    (tmp_path / "volume").mkdir()
    token, lasting = counter.desk.open(KEY, counter.spec("sh")), tmp_path / "volume" / KEY
    with pod(tmp_path / "pod", counter.port, token, lasting=lasting) as made:
        assert made.stage() == 0
        keeper = made.keep()
        made.run("sh", "-c", "mkdir -p a/b; echo some > a/b/some.csv; ln -s nowhere dangling")
        assert keeper.wait(PATIENCE) == 0
        assert list((tmp_path / "volume").iterdir()) == []
    assert outputs_of(counter, "a/**") == {"a/b/some.csv": b"some\n"}


def test_on_a_volume_a_pod_whose_place_was_taken_leaves_the_folder_to_the_other(counter: Counter, tmp_path: Path):
    token, lasting = counter.desk.open(KEY, counter.spec("sh"), grace=1), tmp_path / KEY
    with (
        pod(tmp_path / "first", counter.port, token, lasting=lasting) as first,
        pod(tmp_path / "second", counter.port, token, pod="pod-2", lasting=lasting) as second,
    ):
        assert first.stage() == 0
        keeper = first.keep()
        first.run("sh", "-c", "exec sleep 60")
        until((first.control / "main").exists)
        counter.desk.begin(KEY, "pod-2")
        assert keeper.wait(PATIENCE) == 1
        assert (second.workspace / "code.txt").exists()


def test_a_container_that_went_away_without_a_word_leaves_what_it_wrote(counter: Counter, tmp_path: Path):
    with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sh"))) as made:
        assert made.stage() == 0
        keeper = made.keep()
        run = made.run("sh", "-c", "echo some > some.csv; echo begun; exec sleep 60")
        until((made.workspace / "some.csv").exists)
        made.kill(run)
        counter.desk.gone(KEY)
        assert keeper.wait(PATIENCE) == 0
    told = counter.desk.told(KEY)
    assert (told.done, told.keeping.exit_code) == (True, None)
    assert log_of(counter.desk) == b"begun\n"
    assert outputs_of(counter, "*.csv") == {"some.csv": b"some\n"}


def test_of_a_long_log_so_much_is_kept_and_the_rest_is_counted(tmp_path: Path):
    counter = Counter(tmp_path / "service", {"log_limit": 100_000})
    with counter.open():
        told = to_its_end(counter, tmp_path / "pod", counter.spec("sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x; echo"))
        log = log_of(counter.desk)
    assert (told.keeping.log_bytes, told.keeping.left_out) == (100_000, 29_900_001)
    assert log.startswith(b"x" * 100_000)
    assert log[100_000:] == b"\n[Tagstone kept 100000 bytes of this log; 29900001 more were left out.]\n"


def test_the_log_is_live_and_read_from_where_the_reader_stands(counter: Counter, tmp_path: Path):
    with pod(tmp_path / "pod", counter.port, counter.desk.open(KEY, counter.spec("sh"))) as made:
        assert made.stage() == 0
        keeper = made.keep()
        made.run("sh", "-c", "echo one; while ! [ -e go ]; do sleep 0.05; done; echo two")
        until(lambda: counter.desk.log(KEY, "").data == b"one\n")
        cursor = counter.desk.log(KEY, "").cursor
        (made.workspace / "go").touch()
        assert keeper.wait(PATIENCE) == 0
    assert counter.desk.log(KEY, cursor).data == b"two\n"
    with pytest.raises(Invalid):
        counter.desk.log(KEY, "somewhere")


def test_inputs_that_do_not_fit_are_told_with_their_remedy(counter: Counter, tmp_path: Path):
    told = to_its_end(counter, tmp_path / "pod", counter.spec("true", files={"code.txt/inner": b"x"}))
    assert told.done
    assert told.problem is not None
    assert (told.problem.kind, "has to be a folder" in told.problem.message) == ("invalid", True)
    with pytest.raises(Invalid, match="has to be a folder"):
        outputs_of(counter, "*")


def test_bytes_that_changed_in_storage_are_never_run(counter: Counter, tmp_path: Path):
    spec = counter.spec("true", files={"in.bin": b"right"})
    path = counter.folder / "storage" / spec.files[0][1]
    token = counter.desk.open(KEY, spec)
    path.write_bytes(b"wrong")
    with pod(tmp_path / "pod", counter.port, token) as made:
        assert made.stage() == 1
    problem = counter.desk.told(KEY).problem
    assert problem is not None
    assert (problem.kind, "another checksum" in problem.message) == ("permanent", True)
