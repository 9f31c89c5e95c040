"""Limits that are held, and ends that are told apart."""

import pytest

from rigs.runs import Rig
from tagstone.domain.runs.run import Outcome, OutputRules


def test_too_much_memory_in_the_main_process(real: Rig) -> None:
    status, _ = real.shell("exec dd if=/dev/zero of=/dev/null bs=100M count=1", memory=48 * 2**20)
    assert (status.outcome, status.exit_code) == (Outcome.OUT_OF_MEMORY, 137)
    assert (status.oom_killed_container, status.oom_killed_child) == (True, False)
    assert status.peak_memory is not None
    assert 40 * 2**20 < status.peak_memory <= 52 * 2**20


def test_too_much_memory_in_a_child_only_is_told_apart(real: Rig) -> None:
    status, said = real.shell("dd if=/dev/zero of=/dev/null bs=100M count=1; echo ended $?", memory=48 * 2**20)
    assert "ended 137" in said
    assert (status.outcome, status.exit_code) == (Outcome.SUCCEEDED, 0)
    assert (status.oom_killed_container, status.oom_killed_child) == (False, True)
    assert "child" in status.detail


def test_a_kill_from_within_is_no_lack_of_memory(real: Rig) -> None:
    status, _ = real.shell("kill -9 $$")
    assert (status.outcome, status.exit_code) == (Outcome.FAILED, 137)
    assert not status.oom_killed_container
    assert "neither Tagstone nor the kernel's memory limit" in status.detail


def test_a_fork_bomb_meets_the_limit_of_processes(real: Rig) -> None:
    status, said = real.shell(
        "i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; echo all; wait", memory=512 * 2**20, time=3
    )
    assert status.outcome in (Outcome.FAILED, Outcome.TIME_LIMIT)
    assert "all" not in said
    assert "fork" in said


def test_time_is_held_against_a_process_that_ignores_being_asked(real: Rig) -> None:
    status, _ = real.shell("trap '' TERM INT; while :; do :; done", time=1)
    assert status.outcome is Outcome.TIME_LIMIT
    assert status.exit_code == 137
    assert status.finished_at is not None
    assert status.started_at is not None
    assert status.finished_at - status.started_at < 12


def test_a_process_that_is_asked_to_end_may_tidy_up(real: Rig) -> None:
    status, said = real.shell("trap 'echo tidied; exit 0' TERM; while :; do sleep 0.1; done", time=1)
    assert status.outcome is Outcome.TIME_LIMIT
    assert said == "tidied\n"


def test_one_file_cannot_be_larger_than_the_disk(real: Rig) -> None:
    status, _ = real.shell("exec dd if=/dev/zero of=big bs=1M count=8", disk=4 * 2**20)
    assert status.outcome is Outcome.DISK_LIMIT


def test_many_files_together_cannot_be_larger_than_the_disk(real: Rig) -> None:
    status, _ = real.shell("while :; do i=$((i+1)); dd if=/dev/zero of=f$i bs=100k count=1 2>/dev/null; done", disk=4 * 2**20)
    assert status.outcome is Outcome.DISK_LIMIT


def test_many_empty_files_cannot_fill_the_disk(real: Rig) -> None:
    status, _ = real.shell("while :; do i=$((i+1)); : > f$i; done", disk=2 * 2**20)
    assert status.outcome is Outcome.DISK_LIMIT


@pytest.mark.parametrize(
    ("script", "code", "says"), [("exit 7", 7, ""), ("kill -SEGV $$", 139, "SIGSEGV"), ("nosuch", 127, "not found")]
)
def test_exit_codes_are_kept_and_explained(real: Rig, script: str, code: int, says: str) -> None:
    status, _ = real.shell(script)
    assert (status.outcome, status.exit_code) == (Outcome.FAILED, code)
    assert says in status.detail


def test_the_hardware_that_was_granted_is_read_from_inside(real: Rig) -> None:
    status, _ = real.shell("sleep 1", cpu=0.5, memory=100 * 2**20)
    granted = status.granted
    assert granted is not None
    assert (granted.source, granted.cpu_limit, granted.memory_limit, granted.pids_limit) == ("inside", 0.5, 100 * 2**20, 64)
    assert granted.cpus_visible >= 1
    assert granted.cpu_model
    assert granted.kernel
    assert granted.memory_total is not None
    assert granted.memory_total > 2**28
    assert status.engine.startswith(("Podman 4", "Docker Engine 20"))


def test_a_run_that_was_over_too_soon_has_its_hardware_from_the_engine_or_inside(real: Rig) -> None:
    status, _ = real.shell("", cpu=0.5, memory=100 * 2**20)
    assert status.granted is not None
    assert (status.granted.cpu_limit, status.granted.memory_limit) == (0.5, 100 * 2**20)
    assert status.peak_memory


def test_hostile_leavings_are_no_outputs_and_can_be_removed(real: Rig) -> None:
    key = real.key()
    deep = "i=0; while [ $i -lt 400 ]; do mkdir d && cd d || break; i=$((i+1)); done"
    real.runner.start(
        key, real.spec(f"mkfifo pipe; ln -s /etc/passwd link; echo x > good.txt; mkdir locked; chmod 0 locked; {deep}")
    )
    real.until_ended(key)
    assert [file.path for file in real.runner.collect(key, OutputRules(("good.txt",)))] == ["good.txt"]
