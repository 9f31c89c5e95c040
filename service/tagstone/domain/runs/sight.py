"""What is seen of a run on a cluster, in plain values: what the cluster says of its Job and pod, and what is said from inside the pod."""

from dataclasses import dataclass

from tagstone.domain.runs.fit import Fit
from tagstone.domain.runs.hardware import Granted, Resources

STAGE, RUN, KEEPER = "stage", "run", "keeper"
"""The containers of a pod: what lays out the workspace, the stranger's, and what takes its outputs."""


@dataclass(frozen=True)
class Condition:
    """One condition of a Job, pod or node; `status` is True, False or Unknown, `since` seconds since the epoch."""

    kind: str
    status: str
    reason: str = ""
    message: str = ""
    since: float | None = None


@dataclass(frozen=True)
class JobSeen:
    """A Job as the cluster has it now; `deleting` once somebody asked for that."""

    uid: str
    suspended: bool = False
    deleting: bool = False
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class ContainerSeen:
    """A container; `state` is waiting, running, terminated or empty. Times in seconds since the epoch."""

    name: str
    state: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: float | None = None
    finished_at: float | None = None
    image_id: str = ""


@dataclass(frozen=True)
class PodSeen:
    """A pod as the cluster has it now, those containers included that ran before; `deleting` once somebody asked for that.

    `node_ready` is None where nobody looked. Times in seconds since the epoch.
    """

    uid: str
    name: str
    phase: str = ""
    reason: str = ""
    message: str = ""
    node: str = ""
    qos: str = ""
    deleting: bool = False
    node_ready: bool | None = None
    created_at: float | None = None
    conditions: tuple[Condition, ...] = ()
    containers: tuple[ContainerSeen, ...] = ()

    def container(self, name: str) -> ContainerSeen | None:
        """The container with this name."""
        return next((one for one in self.containers if one.name == name), None)

    def condition(self, kind: str) -> Condition | None:
        """The condition of this kind."""
        return next((one for one in self.conditions if one.kind == kind), None)

    @property
    def unschedulable(self) -> Condition | None:
        """The scheduler's word that no node takes it; None where there is none, as while a queue of the cluster keeps it back."""
        found = self.condition("PodScheduled")
        return found if found is not None and found.status == "False" and found.reason != "SchedulingGated" else None


@dataclass(frozen=True)
class EventSeen:
    """A warning that the cluster gave about a Job or a pod."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class Inside:
    """What is said from inside the pod: it is a stranger's neighbour that speaks, so it proves nothing against the cluster's word.

    `ended` says that the command is over, `exit_code` how; `done` that what it left was taken as well, or given up; `ended_by` is time, disk, stop, taken (with its pod) or empty; `unstarted` is why it could not begin;
    `problem` why code and inputs could not be laid out.
    """

    ended: bool = False
    done: bool = False
    exit_code: int | None = None
    ended_by: str = ""
    unstarted: str = ""
    problem: str = ""
    for_memory: bool = False
    granted: Granted | None = None


@dataclass(frozen=True)
class Sight:
    """Everything known of a run that was given to a cluster; times in seconds since the epoch, `patience` in seconds.

    `had_pod` says that there was a pod once, though `pod` may be None now; `fit` says which nodes could take it, where somebody looked.
    """

    resources: Resources
    now: float
    asked_at: float
    patience: float
    job: JobSeen | None = None
    pod: PodSeen | None = None
    had_pod: bool = False
    events: tuple[EventSeen, ...] = ()
    inside: Inside | None = None
    fit: Fit | None = None

    @property
    def since(self) -> float:
        """When the cluster could begin with what is waited for now, which is when all that comes before was over."""
        moments = [self.asked_at]
        if self.job is not None:
            # One that was let out of a queue says since when it is not suspended any more.
            moments += [one.since for one in self.job.conditions if one.kind == "Suspended" and one.since is not None]
        if self.pod is not None:
            scheduled = self.pod.condition("PodScheduled")
            before = [one.finished_at for one in self.pod.containers if one.name not in (RUN, KEEPER)]
            known = (self.pod.created_at, scheduled.since if scheduled is not None else None, *before)
            moments += [moment for moment in known if moment is not None]
        return max(moments)

    @property
    def waited(self) -> float:
        """Seconds since the cluster could begin with what is waited for now."""
        return self.now - self.since

    @property
    def too_long(self) -> bool:
        """Whether no node took the pod for as long as it may wait."""
        return self.pod is not None and self.pod.unschedulable is not None and self.waited >= self.patience
