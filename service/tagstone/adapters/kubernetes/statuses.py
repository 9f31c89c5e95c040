"""How a run stands, put together from what the cluster shows and what its pod says."""

from dataclasses import replace

from tagstone.domain.runs.failure import Failure
from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.placement import Placement, with_unreadable
from tagstone.domain.runs.run import Outcome, RunStatus
from tagstone.domain.runs.sight import RUN, Inside, PodSeen
from tagstone.domain.runs.told import Phase, Told


def inside(told: Told, placement: Placement) -> Inside | None:
    """What the pod says, as far as it decides anything; None where it was not heard of yet."""
    if told.heard_at is None:
        return None
    said, problem = told.keeping, told.staging.problem
    return Inside(
        done=told.done,
        ended=said.ended_at is not None or said.exit_code is not None,
        exit_code=said.exit_code,
        ended_by=said.ended_by,
        unstarted=said.unstarted,
        problem=problem.message if problem is not None else "",
        for_memory=bool(said.oom_kills),
        granted=with_unreadable(said.granted, placement) if said.granted is not None else None,
    )


def progress(told: Told) -> str:
    """How far code and inputs are laid out, or outputs brought; empty where neither is done. It is written down whenever it changes.

    What is to be laid out is known before, so that it is told in tenths; of outputs only what is here already, in its first digit.
    """
    staging, keeping = told.staging, told.keeping
    if told.done:
        return ""
    if keeping.phase is Phase.COLLECTING:
        whole, _, unit = format_bytes(keeping.bytes).partition(" ")
        digits = whole.partition(".")[0]
        so_far = f": {digits[0]}{'0' * (len(digits) - 1)} {unit} so far" if keeping.bytes else ""
        return f"Its outputs are brought{so_far}."
    if keeping.phase is not Phase.WAITING or staging.done or not staging.bytes_total:
        return ""
    tenths = 10 * staging.bytes // staging.bytes_total
    return f"Code and inputs are laid out: {10 * tenths} % of {format_bytes(staging.bytes_total)}."


def running(told: Told, pod: PodSeen | None, placement: Placement, waits_for: str = "") -> RunStatus:
    """A run that goes on, with all that is known of it so far: what it waits for, or else what is done."""
    done = "" if waits_for else progress(told)
    said, within = told.keeping, inside(told, placement)
    main = pod.container(RUN) if pod is not None else None
    granted = within.granted if within is not None else None
    if granted is not None and pod is not None:
        image = (main.image_id if main is not None else "") or None
        granted = replace(granted, node=pod.node or None, qos=pod.qos or None, image_id=image)
    return RunStatus(
        started_at=said.started_at or (main.started_at if main is not None else None),
        detail=waits_for or done,
        at_work=bool(done),
        granted=granted,
        peak_memory=said.peak_memory,
        usage=said.usage,
        cpu_seconds=said.cpu_seconds,
    )


def over(so_far: RunStatus, told: Told, pod: PodSeen | None, outcome: Outcome, detail: str) -> RunStatus:
    """The same run when it has ended."""
    said, main = told.keeping, pod.container(RUN) if pod is not None else None
    killed = outcome is Outcome.OUT_OF_MEMORY
    code = said.exit_code
    if code is None and main is not None:
        code = main.exit_code
    return replace(
        so_far,
        finished_at=said.ended_at or (main.finished_at if main is not None else None),
        outcome=outcome,
        exit_code=code,
        detail=detail,
        at_work=False,
        oom_killed_container=killed,
        oom_killed_child=bool(said.oom_kills) and not killed,
    )


def failed(failure: Failure, so_far: RunStatus) -> RunStatus:
    """A status with why it ended badly, and what to do about that."""
    return replace(so_far, outcome=failure.outcome, detail=failure.detail, reason=failure.reason, remedy=failure.remedy)
