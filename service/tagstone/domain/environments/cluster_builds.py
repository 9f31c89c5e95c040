"""What the end of a build's pod means: the failures of its run, told as those of a build, whose hardware the site chooses and not the author."""

from tagstone.domain.environments.build import BuildState, BuildStatus
from tagstone.domain.runs.hardware import Resources, format_bytes, format_seconds
from tagstone.domain.runs.run import Outcome, RunStatus

NO_NAMESPACES = 120
"""The exit code by which the program of builds says that it may not make a user namespace."""

NOT_LAID_OUT = 121
"""The one by which it says that it could not lay out what it was given, or not read what was built."""

_SETTINGS = "TAGSTONE_CLUSTERS__<NAME>__BUILDS__"
_LOST = (Outcome.ENGINE, Outcome.DISRUPTED)
_NAMESPACES = (
    "Let the cluster's admin see to it that pods of that namespace may make user namespaces (docs/how-to/run-on-kubernetes.md)."
)


def build_status(status: RunStatus, last_line: str, granted: Resources) -> BuildStatus:
    """How a build stands whose pod's run stands so; `last_line` is its log's, `granted` what the site gives to builds."""
    if status.running:
        return BuildStatus(BuildState.RUNNING, status.detail or last_line)
    if status.outcome is Outcome.SUCCEEDED:
        return BuildStatus(BuildState.SUCCEEDED, last_line, 0)
    if status.outcome in _LOST:
        return BuildStatus(BuildState.LOST, status.detail)
    detail, remedy = _why(status, last_line, granted)
    return BuildStatus(BuildState.FAILED, detail, status.exit_code, remedy)


def _why(status: RunStatus, last_line: str, granted: Resources) -> tuple[str, str]:
    outcome = status.outcome
    if outcome is Outcome.OUT_OF_MEMORY or (status.oom_killed_child and outcome is Outcome.FAILED):
        detail = f"It was killed for memory: builds have {format_bytes(granted.memory)}."
        return detail, f"Let it hold less at a time, or ask the site's admin for more ({_SETTINGS}MEMORY)."
    if outcome is Outcome.TIME_LIMIT:
        detail = f"It was ended after {format_seconds(granted.time)} ({granted.time} seconds)."
        return detail, "Let it do less, or ask the site's admin for more (TAGSTONE_BUILDS__TIME)."
    if outcome is Outcome.DISK_LIMIT:
        detail = f"It was ended with more than {format_bytes(granted.disk)} in use."
        return detail, f"Let it install less, or ask the site's admin for more ({_SETTINGS}DISK)."
    if outcome is Outcome.FAILED:
        return _ended(status, last_line)
    if outcome is Outcome.STOPPED:
        return status.detail, ""
    # What is left is the site's: its image, its quota, its nodes.
    return (
        status.detail,
        f"Show this to the site's admin: `tagstone doctor --cluster` looks at what builds need ({_SETTINGS}…).",
    )


def _ended(status: RunStatus, last_line: str) -> tuple[str, str]:
    if status.exit_code == NO_NAMESPACES:
        return f"The cluster lets no pod build images: {last_line}", _NAMESPACES
    if status.exit_code == NOT_LAID_OUT:
        return f"The build could not be prepared, or its root not be read: {last_line}", ""
    return last_line or status.detail, ""
