"""What is wrong with a run on a cluster, told from what is seen of it; the first that applies is the cause.

The names are Kubernetes's own, of all releases since 1.20: what a newer one says as a condition, an older one says as a reason, or
only by deleting the pod.
"""

import re
from datetime import UTC, datetime

from tagstone.domain.runs.exits import AGAIN, ended, not_granted, over_disk
from tagstone.domain.runs.failure import Failure, Kind, Patience
from tagstone.domain.runs.fit import Fit
from tagstone.domain.runs.hardware import Resources, format_seconds
from tagstone.domain.runs.refusals import not_admitted, waits_for_quota
from tagstone.domain.runs.shortfall import shortfalls
from tagstone.domain.runs.sight import KEEPER, RUN, ContainerSeen, Inside, PodSeen, Sight

_PULLING = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError")
_FINAL_PULL = re.compile(r"not found|manifest unknown|name unknown|does not exist|unauthorized|denied|x509", re.IGNORECASE)
_NO_BEGINNING = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CreatePodSandboxError")
_NOT_STARTED = ("ContainerCannotRun", "StartError")
_OWN_DISK = re.compile(r"ephemeral.{0,20}storage.{0,20}(?:limit|exceeds)|EmptyDir volume .{1,200} exceeds", re.IGNORECASE)
_SHUTDOWN = ("Shutdown", "NodeShutdown", "Terminated", "Preempting", "Preempted")
_REFUSED_BY_NODE = (
    "NodeAffinity",
    "NodeName",
    "NodePorts",
    "UnexpectedAdmissionError",
    "TopologyAffinityError",
    "NodeUnschedulable",
)
_FORBIDDEN_BY_NODE = ("AppArmor", "SysctlForbidden", "Forbidden", "PodOSNotSupported", "InvalidPodSpec")
_LACKING = re.compile(r"Insufficient ([A-Za-z0-9./_-]*[A-Za-z0-9])")
_MOUNTS = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedBinding")
_MAYBE_TAKEN = (None, 0, 137, 143)  # by SIGKILL or SIGTERM, as when a pod is taken away; 0 also where it was about to be kept
_NO_KEEPER = 125  # what holds the command waited for our own container in vain
_LONGEST = 400  # characters of a message that is passed on


def verdict(sight: Sight) -> Failure | None:
    """What ended the run badly, or keeps it from beginning; None while it goes on, may still begin, or where all is well.

    While the keeper takes what the run left, it goes on. The cluster's word that it took the pod away counts more than how the
    command ended by that, and less than an error of its own.
    """
    asked, pod, inside = sight.resources, sight.pod, sight.inside or Inside()
    own_end = _own_end(inside, asked)
    with_pod = inside.ended_by == "taken"
    own_error = own_end if not with_pod and (inside.ended_by or inside.exit_code not in _MAYBE_TAKEN) else None
    if pod is None:
        return own_error or (None if inside.done and own_end is None and not _vanished(inside) else _without_pod(sight))
    taken = _taken_away(pod, asked) if with_pod or not inside.done else None
    if taken is not None:
        return own_error or taken
    if _keeping(pod, inside):
        # The keeper may run already while the author's image is still waited for, in vain.
        return _not_as_asked(inside, asked) or (None if inside.ended else _not_begun(sight, pod))
    return (
        own_end
        or _said_inside(inside, asked)
        or (None if inside.ended and not _vanished(inside) else _main_ended(pod, inside, asked))
        or (_never_told(pod) if inside.done and _vanished(inside) else None)
        or (None if inside.done else _own_container_ended(pod))
        or _unschedulable(sight, pod)
        or _not_begun(sight, pod)
    )


def _own_end(inside: Inside, asked: Resources) -> Failure | None:
    """What the command's end means by itself, as it is said inside. Where too little was granted, it was us who stopped it for that."""
    if inside.ended_by == "stop" and (missing := _not_as_asked(inside, asked)) is not None:
        return missing
    if not inside.unstarted:
        return ended(inside.exit_code, asked, ended_by=inside.ended_by, for_memory=inside.for_memory) if inside.ended else None
    if inside.exit_code == _NO_KEEPER:
        return Failure(Kind.COLLECTING, _short(inside.unstarted), AGAIN, "NotStarted")
    remedy = "Check that the command's first word exists in the environment (run: command)."
    return Failure(Kind.COMMAND, _short(inside.unstarted), remedy, "NotStarted")


def _vanished(inside: Inside) -> bool:
    """Whether the command's container went away before it could say how it ended: only the cluster may know."""
    return inside.ended and inside.exit_code is None and not inside.ended_by and not inside.unstarted


def _never_told(pod: PodSeen) -> Failure | None:
    """Nobody knows how the command ended, so that it did not end well."""
    one = pod.container(RUN)
    if one is not None and one.exit_code is not None:
        return None
    return Failure(
        Kind.COLLECTING, "Its container said nothing more, and the cluster does not say how it ended.", AGAIN, "Silent"
    )


def _keeping(pod: PodSeen, inside: Inside) -> bool:
    """Whether the keeper is still at work."""
    keeper = pod.container(KEEPER)
    return not inside.done and keeper is not None and keeper.state == "running"


def _without_pod(sight: Sight) -> Failure | None:
    if sight.had_pod:
        return lost()
    if sight.job is None:
        return Failure(Kind.DISRUPTED, "Its Job was deleted from outside.", AGAIN, "JobDeleted")
    return not_admitted(sight.events, sight.waited, Patience(quota=sight.patience))


def lost(*, node_ready: bool | None = None) -> Failure:
    """The pod is not there any more, though the Job is and nobody here removed it."""
    if node_ready is False:
        return Failure(Kind.NODE_LOST, "The node it ran on is lost.", AGAIN, "NodeLost")
    perhaps = "" if node_ready else ", or is gone with its node"
    return Failure(Kind.DISRUPTED, f"Its pod was deleted from outside{perhaps}.", AGAIN, "PodDeleted")


def never_fits(fit: Fit) -> Failure:
    """No node of the cluster could ever take it, so it is not even begun."""
    return Failure(Kind.UNSCHEDULABLE, fit.as_text(), fit.remedy, "Unschedulable")


def waiting(sight: Sight) -> str:
    """What a run that has not begun waits for, and until when it may; empty where it waits for nothing in particular.

    The text stays the same while it waits for the same: it is written down whenever it changes.
    """
    queued = f"It waits in the cluster's queue since {_moment(sight.asked_at)}."
    if sight.job is not None and sight.job.suspended:
        return queued
    if sight.pod is None:
        return waits_for_quota(sight.events)
    scheduled, unschedulable = sight.pod.condition("PodScheduled"), sight.pod.unschedulable
    if unschedulable is not None:
        missing = lacking(unschedulable.message)
        what = f"a node with enough {' and '.join(missing)}" if missing else "a node"
        return f"It waits for {what}; it may wait until {_moment(sight.since + sight.patience)}."
    if scheduled is not None and scheduled.status == "False":
        return queued
    if any(one.reason in _PULLING for one in sight.pod.containers):
        return "Its image could not be pulled yet, which is tried again."
    return ""


def lacking(message: str) -> tuple[str, ...]:
    """The resources that a scheduler's message says are not there, such as `nvidia.com/gpu`."""
    return tuple(dict.fromkeys(_LACKING.findall(message)))


def _taken_away(pod: PodSeen, asked: Resources) -> Failure | None:
    """Eviction, disruption, a lost node, the cluster's own deadline."""
    target = pod.condition("DisruptionTarget")
    if pod.reason in ("Evicted", "DeadlineExceeded"):
        return _ended_by_the_cluster(pod, asked)
    if target is not None and target.status == "True":
        said = _short(target.message or target.reason)
        return Failure(Kind.DISRUPTED, f"The cluster took its place: {said}", AGAIN, target.reason)
    if pod.reason:
        return _refused_by_the_node(pod, _short(f"{pod.reason}: {pod.message}"))
    if pod.deleting or pod.phase == "Unknown":
        return lost(node_ready=False if pod.phase == "Unknown" else pod.node_ready)
    return None


def _ended_by_the_cluster(pod: PodSeen, asked: Resources) -> Failure:
    if pod.reason == "DeadlineExceeded":
        detail = f"The cluster ended it: run and keeping of its outputs took far longer than {format_seconds(asked.time)}."
        return Failure(Kind.TIME_LIMIT, detail, _more("time"), pod.reason)
    if _OWN_DISK.search(pod.message):
        return over_disk(asked, pod.reason)
    return Failure(Kind.EVICTED, f"Its node had too little left and ended it: {_short(pod.message)}", AGAIN, pod.reason)


def _refused_by_the_node(pod: PodSeen, said: str) -> Failure | None:
    if pod.reason == "NodeLost":
        return Failure(Kind.NODE_LOST, f"The node it ran on is lost: {said}", AGAIN, pod.reason)
    if pod.reason in _SHUTDOWN:
        return Failure(Kind.DISRUPTED, f"Its node was shut down or needed elsewhere: {said}", AGAIN, pod.reason)
    if pod.reason.startswith("OutOf") or pod.reason in _REFUSED_BY_NODE:
        return Failure(Kind.NODE_REFUSED, f"The node it was sent to had no room after all: {said}", AGAIN, pod.reason)
    if pod.reason in _FORBIDDEN_BY_NODE:
        return Failure(Kind.ADMISSION, f"The node would not run it: {said}", _ADMIN, pod.reason)
    return lost(node_ready=pod.node_ready) if pod.deleting else None


def _said_inside(inside: Inside, asked: Resources) -> Failure | None:
    if inside.problem:
        remedy = "Look at the code's files and at `inputs`: they have to fit into the workspace."
        return Failure(Kind.CONTENT, _short(inside.problem), remedy, "NotStaged")
    return _not_as_asked(inside, asked)


def _not_as_asked(inside: Inside, asked: Resources) -> Failure | None:
    missing = shortfalls(asked, inside.granted) if inside.granted is not None else ()
    return not_granted(missing) if missing else None


def _main_ended(pod: PodSeen, inside: Inside, asked: Resources) -> Failure | None:
    """The author's container is over, and nothing was said from inside, as when all of it was killed for memory."""
    one = pod.container(RUN)
    if one is None or one.state != "terminated" or one.exit_code in (None, 0):
        return None
    if one.reason in _NOT_STARTED:
        detail = f"The cluster could not start it: {_short(one.message)}"
        return Failure(Kind.COMMAND, detail, "Check the image's architecture, and `run: command`.", one.reason)
    if one.reason == "ContainerStatusUnknown":
        return lost(node_ready=False)
    return ended(one.exit_code, asked, for_memory=one.reason == "OOMKilled" or inside.for_memory, reason=one.reason)


def _own_container_ended(pod: PodSeen) -> Failure | None:
    """Trouble of the containers that stage the code and keep the outputs: ours, and never the author's."""
    for one in pod.containers:
        if one.name == RUN or one.state != "terminated" or one.exit_code in (None, 0):
            continue
        began = pod.container(RUN)
        kind = Kind.COLLECTING if began is not None and began.started_at is not None else Kind.STAGING
        doing = "keep what the run left" if kind is Kind.COLLECTING else "bring code and inputs to it"
        said = (
            f": {_short(one.message)}" if one.message else f" (exit code {one.exit_code}, {one.reason or 'no reason given'})."
        )
        return Failure(kind, f"Tagstone's own container {one.name} could not {doing}{said}", AGAIN, one.reason)
    return None


def _unschedulable(sight: Sight, pod: PodSeen) -> Failure | None:
    scheduled, fit = pod.unschedulable, sight.fit
    if scheduled is None or not sight.too_long:
        return None
    missing = lacking(scheduled.message)
    what = f"with enough {' and '.join(missing)} " if missing else ""
    detail = f"No node {what}took it in {format_seconds(sight.patience)}: {_short(scheduled.message)}"
    if fit is not None and not fit.possible:
        return Failure(Kind.UNSCHEDULABLE, f"{detail} {fit.nearest_text}", fit.remedy, scheduled.reason)
    remedy = "Try again when the cluster has more room, or ask for less (run: resources)."
    return Failure(Kind.UNSCHEDULABLE, detail, remedy, scheduled.reason)


def _not_begun(sight: Sight, pod: PodSeen) -> Failure | None:
    waited, patience = sight.waited, Patience()
    for one in pod.containers:
        if one.state == "waiting":
            found = _waiting_for_image(one, waited, patience) or _waiting_for_the_node(one, waited, patience)
            if found is not None:
                return found
    mounts = [event for event in sight.events if event.reason in _MOUNTS]
    begun = any(one.state in ("running", "terminated") for one in pod.containers)
    if mounts and not begun and pod.node and waited > patience.begin:
        detail = f"Its node could not prepare it for {format_seconds(waited)}: {_short(mounts[-1].message)}"
        return Failure(Kind.CONFIGURATION, detail, _ADMIN, mounts[-1].reason)
    return None


def _waiting_for_image(one: ContainerSeen, waited: float, patience: Patience) -> Failure | None:
    if one.reason == "InvalidImageName":
        detail = f"The cluster takes the image's address for none: {_short(one.message)}"
        return Failure(Kind.IMAGE_NAME, detail, "Ask the site's admin to look at TAGSTONE_BUILDS__REGISTRY.", one.reason)
    if one.reason not in _PULLING or not (_FINAL_PULL.search(one.message) or waited > patience.image):
        return None
    remedy = "The nodes have to reach the registry and may have to know its credentials: `tagstone doctor --cluster` looks."
    return Failure(Kind.IMAGE_PULL, f"The image could not be pulled: {_short(one.message)}", remedy, one.reason)


def _waiting_for_the_node(one: ContainerSeen, waited: float, patience: Patience) -> Failure | None:
    if one.reason not in _NO_BEGINNING or waited < patience.begin:
        return None
    detail = f"The container {one.name} could not be made for {format_seconds(waited)}: {_short(one.message)}"
    return Failure(Kind.CONFIGURATION, detail, _ADMIN, one.reason)


_ADMIN = "Ask the site's admin: this is between Tagstone and the cluster; `tagstone doctor --cluster` looks at both."


def _more(what: str, instead: str = "give it less to do") -> str:
    return f"Ask for more in tagstone.yml (run: resources: {what}), or {instead}."


def _short(message: str) -> str:
    plain = " ".join(message.split())
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
