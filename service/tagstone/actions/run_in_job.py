"""Running the analysis inside a CI job, on hardware that the job's runner granted, and keeping what came of it as artifacts."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tagstone.domain.code.version import version_of
from tagstone.domain.manifests.manifest import Manifest, command_line
from tagstone.domain.publications.policy import Policy
from tagstone.domain.runs.hardware import Granted, Resources, format_seconds
from tagstone.domain.runs.run import HOME, TEMPORARY, Outcome, OutputFile, OutputRules
from tagstone.domain.runs.run_environment import run_environment
from tagstone.domain.runs.shortfall import shortfalls
from tagstone.errors import Invalid, Permanent, RunFailed
from tagstone.ports import Clock, Storage

ARTIFACTS = ".tagstone"
REPORT = "run.json"
_CHUNK = 2**20
# What images say about their programs. Everything else is the job's: its tokens, and variables that people keep secrets in.
_OF_THE_IMAGE = (
    "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "R_HOME", "R_LIBS",
    "R_LIBS_SITE", "R_LIBS_USER", "JULIA_DEPOT_PATH", "CUDA_HOME", "CUDA_VERSION", "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES", "LANG", "LANGUAGE", "LC_ALL", "PYTHONHASHSEED", "TZ", "OMP_NUM_THREADS",
)  # fmt: skip


class Ended(Protocol):
    """How a command ended."""

    @property
    def exit_code(self) -> int:
        """Its exit code; negative: the number of a signal."""
        ...

    @property
    def timed_out(self) -> bool:
        """Whether it was ended at its time limit."""
        ...

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all its processes."""
        ...

    @property
    def peak_memory(self) -> int:
        """Bytes of its largest process."""
        ...


Execute = Callable[[Sequence[str], Mapping[str, str], Path, float], Ended]
"""Runs a command with these variables, in a folder, for at most so many seconds."""
Collect = Callable[[Path, OutputRules, Storage], list[OutputFile]]
"""Stores the outputs of a workspace."""


@dataclass(frozen=True)
class Job:
    """Where the job is: its checkout, its tag (else empty) and commit, the commit's time (seconds since the epoch), its variables.

    `image` is what the job runs in, by digest where that is known.
    """

    folder: Path
    tag: str
    sha: str
    time: int
    image: str
    variables: Mapping[str, str]


def run_in_job(
    job: Job,
    manifest: Manifest,
    policy: Policy,
    granted: Granted | None,
    storage: Storage,
    clock: Clock,
    execute: Execute,
    collect: Collect,
) -> dict[str, Any]:
    """Run the manifest's command, keep its outputs and a report of it below `.tagstone` in the checkout; that report.

    The report is written however the run ends, unless it never began.

    Raises:
        Invalid: nothing is to be run, or an output is missing or is none.
        Permanent: the hardware that was asked for is not there, or the command is not.
        RunFailed: it ended badly.
    """
    if manifest.run is None:
        raise Invalid("Nothing is run: the manifest has no `run`.", remedy="Add `run`, or the input `command`.")
    if manifest.run.matrix:
        raise Invalid(
            "A pipeline's job runs one command, and the manifest has a `matrix`.",
            remedy="Let the service run it: its runs are begun from the tag, without a job.",
        )
    asked = manifest.run.resources
    _check_hardware(asked, granted)
    artifacts = job.folder / ARTIFACTS
    shutil.rmtree(artifacts, ignore_errors=True)
    (artifacts / "outputs").mkdir(parents=True)
    command, variables = command_line(manifest), _variables(job, asked)
    report: dict[str, Any] = {
        "schema": 1, "image": job.image or None, "tag": job.tag or None, "commit": job.sha, "command": list(command),
        "environment": variables, "asked": dataclasses.asdict(asked),
        "granted": dataclasses.asdict(granted) if granted else None, "started_at": clock.now(), "outputs": [],
    }  # fmt: skip
    for name in (HOME, TEMPORARY):
        (job.folder / name).mkdir(exist_ok=True)
    ended = execute(command, variables, job.folder, asked.time)
    outcome = Outcome.TIME_LIMIT if ended.timed_out else Outcome.FAILED if ended.exit_code else Outcome.SUCCEEDED
    report |= {"finished_at": clock.now(), "outcome": str(outcome), "exit_code": ended.exit_code}
    report |= {"cpu_seconds": ended.cpu_seconds, "peak_memory": ended.peak_memory}
    try:
        if outcome is not Outcome.SUCCEEDED:
            raise _failure(outcome, ended, asked)
        patterns = tuple(rule.path for rule in manifest.outputs.made)
        rules = OutputRules(patterns, policy.output_files, policy.output_bytes, policy.output_bytes)
        report["outputs"] = [_keep(file, storage, artifacts / "outputs") for file in collect(job.folder, rules, storage)]
    finally:
        (artifacts / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def _check_hardware(asked: Resources, granted: Granted | None) -> None:
    missing = shortfalls(asked, granted) if granted else ("what was granted cannot be read here",)
    if missing:
        raise Permanent(
            f"The runner did not grant the hardware: {'; '.join(missing)}.",
            remedy="A runner ignores what its admin does not allow: let them set cpu_request_overwrite_max_allowed and its like "
            "below [runners.kubernetes], choose another runner by `run_tags`, or ask for less.",
        )


def _variables(job: Job, asked: Resources) -> dict[str, str]:
    image = {name: job.variables[name] for name in _OF_THE_IMAGE if job.variables.get(name)}
    version = version_of(job.tag) if job.tag else job.sha[:12]
    ours = dict(run_environment(image, asked, time=job.time, version=version, doi=None))
    return dict(sorted((image | ours | {"HOME": str(job.folder / HOME), "TMPDIR": str(job.folder / TEMPORARY)}).items()))


def _keep(file: OutputFile, storage: Storage, folder: Path) -> dict[str, object]:
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with storage.open(file.storage_key) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, _CHUNK)
    return {"path": file.path, "size": file.size, "sha256": file.sha256}


def _failure(outcome: Outcome, ended: Ended, asked: Resources) -> RunFailed:
    if outcome is Outcome.TIME_LIMIT:
        message = f"The analysis ran longer than the {format_seconds(asked.time)} it asked for."
        return RunFailed(message, remedy="Ask for more (run: resources: time, or the input `time`).", kind=str(outcome))
    if ended.exit_code == -9:
        message = "The analysis was killed, most likely because it needed more memory than there is."
        return RunFailed(message, remedy="Ask for more (run: resources: memory, or the input `memory`).", kind=str(outcome))
    message = f"The analysis ended with exit code {ended.exit_code}."
    return RunFailed(message, remedy="What it said stands above; `tagstone rehearse` tries a fix.", kind=str(outcome))
