"""How ends are told apart."""

import pytest

from tagstone.adapters.cgroups import _count, _places, from_engine
from tagstone.adapters.engine_verdict import seconds, verdict
from tagstone.adapters.run_folder import Ending
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.domain.runs.seen import Seen


def end(
    code: int = 0,
    *,
    said: bool = False,
    kills: int | None = 0,
    kernel: bool | None = False,
    ending: Ending | None = None,
    full: bool = False,
) -> RunStatus:
    state = {"ExitCode": code, "OOMKilled": said, "StartedAt": "2026-11-21T02:20:10.5Z", "FinishedAt": "0001-01-01T00:00:00Z"}
    return verdict(state, Seen(oom_kills=kills), ending, disk_full=full, kernel_says=kernel, engine="e")


def test_success_and_failure() -> None:
    assert end().outcome is Outcome.SUCCEEDED
    assert end(1).outcome is Outcome.FAILED
    assert (end().started_at, end().finished_at) == (1795227610.5, None)


@pytest.mark.parametrize("how", [{"said": True}, {"kills": 1}, {"kernel": True}])
def test_whoever_knows_of_a_kill_for_memory_is_believed(how: dict[str, bool]) -> None:
    main, child = end(137, **how), end(1, **how)  # type: ignore[arg-type]  # one of the three
    assert (main.outcome, main.oom_killed_container, main.oom_killed_child) == (Outcome.OUT_OF_MEMORY, True, False)
    assert (child.outcome, child.oom_killed_container, child.oom_killed_child) == (Outcome.FAILED, False, True)


def test_what_we_ended_is_ours_whatever_the_exit_code() -> None:
    ending = Ending(Outcome.TIME_LIMIT, "too long")
    assert end(137, ending=ending).outcome is Outcome.TIME_LIMIT
    assert end(0, ending=ending, full=True).detail == "too long"


def test_a_full_workspace_is_the_reason_before_any_exit_code() -> None:
    assert end(153, full=True).outcome is Outcome.DISK_LIMIT
    assert end(0, full=True).outcome is Outcome.DISK_LIMIT


def test_a_kill_that_nobody_can_explain_says_so() -> None:
    assert "neither" in end(137).detail
    assert "may have been" in end(137, kills=None, kernel=None).detail
    assert "SIGSEGV" in end(139).detail


@pytest.mark.parametrize(
    ("stamp", "time"), [("2026-11-21T02:20:10.123456789+00:00", 1795227610.123456), ("", None), ("never", None)]
)
def test_times_of_engines(stamp: str, time: float | None) -> None:
    assert seconds(stamp) == time


def test_groups_of_both_versions() -> None:
    places = {name: str(place) for name, place in _places("3:cpu,cpuacct:/a/b\n1:name=systemd:/c\n0::/d\n").items()}
    assert places["cpuacct"] == "/sys/fs/cgroup/cpuacct/a/b"
    assert places["name=systemd"] == "/sys/fs/cgroup/systemd/c"
    assert places[""].endswith("/d")
    assert [_count(text) for text in ("0", "0-3", "0-3,8,10-11")] == [1, 4, 7]


def test_an_engine_s_answer_in_its_own_units() -> None:
    granted = from_engine({"NCPU": 4, "MemTotal": 8}, {"NanoCpus": 1_500_000_000, "Memory": 5, "PidsLimit": 0})
    assert (granted.source, granted.cpus_visible, granted.cpu_limit, granted.memory_limit) == ("engine", 4, 1.5, 5)
    assert granted.pids_limit is None


def test_who_was_killed_for_memory_had_reached_the_limit() -> None:
    granted = from_engine({"NCPU": 4}, {"Memory": 1000})
    state = {"ExitCode": 137, "OOMKilled": True}
    status = verdict(state, Seen(granted, 300, 0), None, disk_full=False, kernel_says=None, engine="e")
    assert status.peak_memory == 1000
