"""What one cluster says of our runs there: from its watches where they have heard of them, else asked for."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tagstone.adapters.kubernetes.client import Cluster, Object
from tagstone.adapters.kubernetes.handing_over import EVENTS, JOBS, PODS, changes
from tagstone.adapters.kubernetes.manifests import INSTALLATION, MANAGED, OURS, RUN_LABEL, Site
from tagstone.adapters.kubernetes.nodes import nodes
from tagstone.adapters.kubernetes.policies import hold
from tagstone.adapters.kubernetes.reading import job_seen, owner, pod_seen, warnings
from tagstone.adapters.kubernetes.watching import Mirror
from tagstone.adapters.news import News
from tagstone.adapters.run_folder import Turn
from tagstone.domain.runs.failure import Failure
from tagstone.domain.runs.fit import Fit, fit
from tagstone.domain.runs.placement import Placement, Profile, beside_volume
from tagstone.domain.runs.sight import EventSeen, JobSeen, PodSeen

_EVENTS = 5.0  # seconds between two looks at what the cluster complains of
_NODES = 60.0  # seconds that what is known of nodes is good for


@dataclass(frozen=True)
class Place:
    """One cluster: how Jobs are made there, kinds of machines by their names, who pods may speak to, and seconds they may wait.

    `projects` are those of the same cluster for projects that have a namespace of their own, by the projects' keys.
    `overhead` is what the containers beside a run take of a node; `grows` says that nodes are made when somebody asks for them;
    `tried` is the file with what a probe found out about the cluster.
    """

    cluster: Cluster
    site: Site
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    policies: Sequence[Object] = ()
    patience: float = 86_400.0
    overhead: Mapping[str, float] = field(default_factory=dict)
    grows: bool = False
    tried: Path | None = None
    projects: Mapping[str, "Place"] = field(default_factory=dict)


class View:
    """The runs of an installation on the cluster of a place."""

    def __init__(self, place: Place, installation: str, news: News) -> None:
        self.place = place
        self.cluster = place.cluster
        self._installation = installation
        selector = f"{MANAGED}={OURS},{INSTALLATION}={installation}"
        self._jobs = Mirror(self.cluster, self.cluster.path(JOBS), selector, job_seen, news)
        self._pods = Mirror(self.cluster, self.cluster.path(PODS), selector, pod_seen, news)
        self._events: dict[str, tuple[float, tuple[EventSeen, ...]]] = {}
        self._lock = threading.Lock()
        self._held = False

    def prepare(self) -> None:
        """See to it, once, that NetworkPolicies hold what pods may speak to. Raises: Forbidden, Away."""
        with self._lock:
            if not self._held:
                self.cluster.version()
                hold(self.cluster, self.place.policies)
                self._held = True

    def room(self, placement: Placement) -> Fit | None:
        """Which nodes could take a run, now or later; None where nodes may not be looked at, or come when they are asked for."""
        found = None if self.place.grows else self.fit(placement)
        # A cluster that has none at this moment is about to be given one, or in trouble that passes.
        return found if found is not None and found.nodes else None

    def fit(self, placement: Placement) -> Fit | None:
        """Which of the nodes that are there now could take a run; None where nodes may not be looked at. Raises: Away."""
        found = nodes(self.cluster)
        placement = beside_volume(placement) if self.place.site.claim else placement
        return None if found is None else fit(placement, found, self.place.overhead)

    def look(self, key: str, turn: Turn, *, had_pod: bool) -> tuple[JobSeen | None, list[PodSeen]]:
        """The run's Job and its pods as they are now. Raises: Away."""
        if self._jobs.fresh and self._pods.fresh:
            job, pods = self._jobs.named(turn.job), self._pods.of_job(turn.uid)
            # What a watch has not heard of may only be news to it.
            if job is not None and job.uid == turn.uid and (pods or not had_pod):
                return job, pods
        found = self.cluster.find(self.cluster.path(JOBS, turn.job))
        selector = f"{RUN_LABEL}={key},{INSTALLATION}={self._installation}"
        listed = self.cluster.get(self.cluster.path(PODS), labelSelector=selector)
        seen = job_seen(found) if found is not None else None
        pods = [pod_seen(thing) for thing in listed.get("items") or () if owner(thing) == turn.uid]
        return (seen if seen is not None and seen.uid == turn.uid else None), pods

    def complaints(self, key: str, uid: str, now: float) -> tuple[EventSeen, ...]:
        """The cluster's warnings about the Job or pod `uid` of a run, asked for now and then only. Raises: Away."""
        asked_at, found = self._events.get(key, (0.0, ()))
        if now - asked_at >= _EVENTS:
            found = warnings(self.cluster.get(self.cluster.path(EVENTS), fieldSelector=f"involvedObject.uid={uid}"))
            self._events[key] = now, found
        return found

    def altered(self, turn: Turn, pod: PodSeen) -> Failure | None:
        """What the cluster changed of the pod between the Job and it, where a run cannot do without. Raises: Away."""
        job = self.cluster.find(self.cluster.path(JOBS, turn.job))
        made = self.cluster.find(self.cluster.path(PODS, pod.name))
        if job is None or made is None:
            return None
        return changes({"metadata": {}, "spec": job["spec"]["template"]["spec"]}, made)

    def ready(self, name: str) -> bool | None:
        """Whether a node is there and well; None where nodes may not be looked at. Raises: Away."""
        found = nodes(self.cluster)
        return None if found is None else any(node.name == name and node.ready for node in found)

    def forget(self, key: str) -> None:
        """Let go of what is only known while a run waits."""
        self._events.pop(key, None)

    def close(self) -> None:
        """End the watches."""
        self._jobs.close()
        self._pods.close()
