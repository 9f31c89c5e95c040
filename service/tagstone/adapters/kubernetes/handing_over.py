"""Handing a run to a cluster: its Secret, its Job, and what the server made of both. Every step is safe to repeat."""

from dataclasses import dataclass

import structlog

from tagstone.adapters.kubernetes.client import Cluster, Object
from tagstone.adapters.kubernetes.manifests import INSTALLATION, TURN, Order, Site, job, owned_by, secret
from tagstone.adapters.kubernetes.readback import differences, essential, loosened
from tagstone.domain.runs.failure import Failure, Kind
from tagstone.domain.runs.refusals import refused
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, TagstoneError, Temporary

JOBS, PODS, SECRETS, EVENTS = "batch/v1/jobs", "v1/pods", "v1/secrets", "v1/events"
_CODES: dict[type[TagstoneError], int] = {Invalid: 422, Forbidden: 403, NotFound: 404}
_SHOWN = 5
_SOON = 1.0  # seconds in which a Job that is being removed is gone, or somebody else has written what we write
_log = structlog.get_logger("tagstone.kubernetes")


@dataclass(frozen=True)
class Made:
    """A Job that is there, by its identifier; or why there is none."""

    uid: str = ""
    failure: Failure | None = None


def hand_over(cluster: Cluster, site: Site, order: Order, token: str) -> Made:
    """Make the run's Secret and Job, or adopt those that an earlier call made.

    Raises:
        Temporary: what an earlier turn left is not gone yet, somebody else writes the same, or the cluster does not answer.
        Conflict: somebody else has a Job of this name.
    """
    _keep_secret(cluster, secret(order, token, site))
    wanted, path = job(order, site), cluster.path(JOBS, order.name)
    found = cluster.find(path)
    if found is not None:
        _check_turn(cluster, found, order)
    else:
        try:
            found = cluster.create(cluster.path(JOBS), wanted)
        except Conflict as error:
            raise Temporary(error.message, delay=_SOON) from error
        except (Invalid, Forbidden, NotFound) as error:
            failure = refused(_CODES[type(error)], error.message)
            if failure is None:
                raise
            withdraw(cluster, order.name)
            return Made(failure=failure)
    changed = changes(wanted, found)
    if changed is not None:
        withdraw(cluster, order.name)
        return Made(failure=changed)
    uid = str(found["metadata"]["uid"])
    _merge(cluster, order.name, owned_by(order.name, uid))
    return Made(uid)


def withdraw(cluster: Cluster, name: str) -> None:
    """Remove a run's Job, and with it its pod, and its Secret; nothing there is no error. Raises: Away, Forbidden."""
    cluster.delete(cluster.path(JOBS, name))
    cluster.delete(cluster.path(SECRETS, name))


def changes(sent: Object, kept: Object) -> Failure | None:
    """What a server changed, dropped or loosened of what it was sent, where a run cannot do without it; the rest is told to the log."""
    found = differences({name: sent[name] for name in ("metadata", "spec")}, kept)
    missing = tuple(dict.fromkeys((*essential(found), *loosened(sent, kept))))
    if not missing:
        if found:
            _log.info("the cluster does not keep everything", fields=found)
        return None
    shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
    return Failure(
        Kind.ADMISSION,
        f"The cluster took the run, but changed, dropped or loosened what it is to be held by: {shown}.",
        "Ask the site's admin: an admission webhook or another part of the cluster rewrites Jobs or pods, and has to leave this namespace out; "
        "or it is older than Kubernetes 1.20.",
        "Changed",
    )


def _keep_secret(cluster: Cluster, wanted: Object) -> None:
    name = wanted["metadata"]["name"]
    try:
        cluster.create(cluster.path(SECRETS), wanted)
    except Conflict:
        # What an earlier turn of ours left, or our own of a moment ago; names hold who we are, so it is nobody else's.
        _merge(cluster, name, {"data": wanted["data"]})


def _merge(cluster: Cluster, name: str, part: Object) -> None:
    """Change a Secret of ours. Raises: Temporary where it is gone, never came (a quota is written by two at once), or changes meanwhile."""
    try:
        cluster.merge(cluster.path(SECRETS, name), part)
    except (Conflict, NotFound) as error:
        raise Temporary(error.message, delay=_SOON) from error


def _check_turn(cluster: Cluster, found: Object, order: Order) -> None:
    """Take a Job that was found for ours. Raises: Conflict, Temporary where it is of an earlier turn."""
    about = found["metadata"]
    if (about.get("labels") or {}).get(INSTALLATION) != order.installation:
        raise Conflict(
            f"Somebody else has a Job called {order.name} on the cluster {cluster.name}.",
            remedy="Give each installation a namespace of its own.",
        )
    if about.get("deletionTimestamp") or (about.get("annotations") or {}).get(TURN) != order.turn:
        withdraw(cluster, order.name)
        raise Temporary(f"The Job {order.name} of an earlier try is still being removed.", delay=_SOON)
