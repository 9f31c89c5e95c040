"""What a cluster's API says of Jobs and pods, as plain values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tagstone.adapters.kubernetes.manifests import RUN_LABEL
from tagstone.domain.runs.sight import Condition, ContainerSeen, EventSeen, JobSeen, PodSeen

_STATES = ("terminated", "running", "waiting")


def job_seen(thing: Mapping[str, Any]) -> JobSeen:
    """A Job."""
    about, status = thing.get("metadata") or {}, thing.get("status") or {}
    return JobSeen(
        uid=str(about.get("uid") or ""),
        suspended=bool((thing.get("spec") or {}).get("suspend")),
        deleting=bool(about.get("deletionTimestamp")),
        conditions=_conditions(status),
    )


def pod_seen(thing: Mapping[str, Any]) -> PodSeen:
    """A pod, with all its containers."""
    about, status = thing.get("metadata") or {}, thing.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return PodSeen(
        uid=str(about.get("uid") or ""),
        name=str(about.get("name") or ""),
        phase=str(status.get("phase") or ""),
        reason=str(status.get("reason") or ""),
        message=str(status.get("message") or ""),
        node=str((thing.get("spec") or {}).get("nodeName") or ""),
        qos=str(status.get("qosClass") or ""),
        deleting=bool(about.get("deletionTimestamp")),
        created_at=seconds(about.get("creationTimestamp")),
        conditions=_conditions(status),
        containers=tuple(_container(one) for one in containers),
    )


def owner(thing: Mapping[str, Any]) -> str:
    """The identifier of the Job that an object belongs to; empty where it belongs to none."""
    owners = (thing.get("metadata") or {}).get("ownerReferences") or ()
    return next((str(one.get("uid") or "") for one in owners if one.get("kind") == "Job"), "")


def run_of(thing: Mapping[str, Any]) -> str:
    """The key of the run that an object belongs to; empty where it says none."""
    return str(((thing.get("metadata") or {}).get("labels") or {}).get(RUN_LABEL) or "")


def warnings(listed: Mapping[str, Any]) -> tuple[EventSeen, ...]:
    """The warnings among listed events, the newest last."""
    found = [one for one in listed.get("items") or () if one.get("type") == "Warning"]
    found.sort(key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    return tuple(EventSeen(str(one.get("reason") or ""), str(one.get("message") or "")) for one in found)


def seconds(stamp: object) -> float | None:
    """A time as the API writes it, in seconds since the epoch."""
    try:
        return datetime.fromisoformat(str(stamp)).timestamp() if stamp else None
    except ValueError:
        return None


def _conditions(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            kind=str(one.get("type") or ""),
            status=str(one.get("status") or ""),
            reason=str(one.get("reason") or ""),
            message=str(one.get("message") or ""),
            since=seconds(one.get("lastTransitionTime")),
        )
        for one in status.get("conditions") or ()
    )


def _container(one: Mapping[str, Any]) -> ContainerSeen:
    states = one.get("state") or {}
    state = next((name for name in _STATES if name in states), "")
    said = states.get(state) or {}
    return ContainerSeen(
        name=str(one.get("name") or ""),
        state=state,
        reason=str(said.get("reason") or ""),
        message=str(said.get("message") or ""),
        exit_code=said.get("exitCode"),
        signal=said.get("signal"),
        started_at=seconds(said.get("startedAt")),
        finished_at=seconds(said.get("finishedAt")),
        image_id=str(one.get("imageID") or ""),
    )
