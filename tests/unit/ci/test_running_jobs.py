"""`tagstone ci run`: the analysis inside a job."""

import json
from pathlib import Path
from typing import Any

import pytest

from tagstone.cli.exit_codes import ExitCode
from unit.ci.conftest import Job

BARE = "environment: {base: 'debian:bookworm'}\n"
SMALL = {"TAGSTONE_CI_CPU": "0.5", "TAGSTONE_CI_MEMORY": "64Mi"}
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def bare(job: Job) -> Job:
    job.commit(tagstone_yml=BARE)
    return job


def run(job: Job, script: str, outputs: str = "results", **more: str) -> Any:
    (job.folder / "analysis.sh").write_text(script)
    return job("run", **SMALL, TAGSTONE_CI_COMMAND="sh analysis.sh", TAGSTONE_CI_OUTPUTS=outputs, **more)


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie that waits for its burial."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def report(job: Job) -> dict[str, Any]:
    said = json.loads((job.folder / ".tagstone" / "run.json").read_text())
    assert isinstance(said, dict)
    return said


def test_outputs_and_a_report_are_left_as_artifacts(bare: Job):
    result = run(bare, "mkdir -p results/a && echo 1 >results/a/x.csv && echo 2 >results/y.csv", TAGSTONE_IMAGE=DIGEST)
    assert result.exit_code == 0, result.stderr
    said = report(bare)
    assert [file["path"] for file in said["outputs"]] == ["results/a/x.csv", "results/y.csv"]
    assert (bare.folder / ".tagstone/outputs/results/a/x.csv").read_text() == "1\n"
    assert said["outputs"][0]["sha256"] == "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"
    assert (said["outcome"], said["exit_code"], said["image"], said["tag"]) == ("succeeded", 0, DIGEST, "v1.0.0")
    assert said["command"] == ["sh", "analysis.sh"]
    assert said["granted"]["source"] == "inside"
    assert said["asked"]["memory"] == 64 * 2**20


def test_the_command_finds_the_variables_of_every_run_and_none_of_the_jobs(bare: Job):
    result = run(bare, "mkdir results && env >results/env", SECRET_OF_MINE="do-not-tell")
    assert result.exit_code == 0, result.stderr
    found = dict(line.split("=", 1) for line in (bare.folder / "results/env").read_text().splitlines())
    assert (found["SOURCE_DATE_EPOCH"], found["TAGSTONE_VERSION"], found["TZ"]) == ("1767225600", "1.0.0", "UTC")
    assert found["HOME"] == str(bare.folder / ".home")
    assert not {name for name in found if name.startswith(("CI_", "TAGSTONE_ID", "TAGSTONE_CI", "SECRET"))}
    assert "do-not-tell" not in (bare.folder / ".tagstone/run.json").read_text()


def test_hardware_that_was_not_granted_ends_the_job_before_anything_runs(bare: Job):
    more = {"TAGSTONE_CI_COMMAND": "touch began", "TAGSTONE_CI_OUTPUTS": "began", "TAGSTONE_CI_CPU": "4000"}
    result = bare("run", **more)
    assert result.exit_code == ExitCode.PERMANENT
    assert "4000 cores were asked for" in result.stderr
    assert "cpu_request_overwrite_max_allowed" in result.stderr
    assert not (bare.folder / "began").exists()


def test_gpus_are_looked_for(bare: Job):
    result = run(bare, "true", TAGSTONE_CI_GPU="1000")
    assert result.exit_code == ExitCode.PERMANENT
    assert "1000 GPUs were asked for" in result.stderr


def test_an_analysis_that_fails_fails_the_job_and_leaves_a_report(bare: Job):
    result = run(bare, "exit 3")
    assert result.exit_code == ExitCode.RUN_FAILED
    assert "exit code 3" in result.stderr
    assert (report(bare)["outcome"], report(bare)["exit_code"]) == ("failed", 3)


def test_an_analysis_that_is_killed_may_have_needed_more_memory(bare: Job):
    result = run(bare, "kill -9 $$")
    assert result.exit_code == ExitCode.RUN_FAILED
    assert "memory" in result.stderr


def test_an_analysis_that_takes_too_long_is_ended_with_all_that_it_began(bare: Job):
    result = run(bare, "sleep 600 & echo $! >pid; sleep 600", TAGSTONE_CI_TIME="1s")
    assert result.exit_code == ExitCode.RUN_FAILED
    assert "longer than the 1.0 s" in result.stderr
    assert report(bare)["outcome"] == "time-limit"
    pid = int((bare.folder / "pid").read_text())
    assert not lives(pid)


def test_a_command_that_is_not_there_is_told(bare: Job):
    result = bare("run", **SMALL, TAGSTONE_CI_COMMAND="no-such-program", TAGSTONE_CI_OUTPUTS="x")
    assert result.exit_code == ExitCode.PERMANENT
    assert "cannot be started" in result.stderr


@pytest.mark.parametrize(
    "script",
    ["true", "mkdir results; ln -s /etc/passwd results/x", "mkdir results; mkfifo results/x"],
    ids=["none", "link", "pipe"],
)
def test_outputs_that_are_none_are_refused(bare: Job, script: str):
    result = run(bare, script)
    assert result.exit_code == ExitCode.INVALID
    assert report(bare)["outputs"] == []
    assert list((bare.folder / ".tagstone/outputs").iterdir()) == []


def test_what_an_earlier_run_left_is_not_taken_for_this_ones(bare: Job):
    assert run(bare, "mkdir results; echo 1 >results/x").exit_code == 0
    assert run(bare, "rm -r results; mkdir results; echo 1 >results/y").exit_code == 0
    assert [path.name for path in (bare.folder / ".tagstone/outputs/results").iterdir()] == ["y"]


def test_where_nothing_is_run_the_job_says_so(bare: Job):
    assert bare("run").exit_code == ExitCode.INVALID
