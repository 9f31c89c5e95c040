"""Runs on clusters, as plain Jobs. What a run needs comes from the desk of this service and goes back there, so that its end is told here
only when its outputs are here too.

What is known of a run rests in its folder and at the desk; any process may go on from there. Nothing here waits: one watch of each
cluster tells of all its runs.
"""

import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from tagstone.adapters.desk import Desk
from tagstone.adapters.kubernetes.client import Cluster, Object
from tagstone.adapters.kubernetes.handing_over import EVENTS, JOBS, PODS, hand_over, withdraw
from tagstone.adapters.kubernetes.manifests import INSTALLATION, MANAGED, OURS, RUN_LABEL, Order, Site
from tagstone.adapters.kubernetes.policies import hold
from tagstone.adapters.kubernetes.reading import job_seen, owner, pod_seen, warnings
from tagstone.adapters.kubernetes.watching import Mirror
from tagstone.adapters.run_folder import Begun, Ending, RunFolder, Turn, known
from tagstone.adapters.workspace import discard
from tagstone.domain.images.oci import Platform
from tagstone.domain.runs.failure import Failure
from tagstone.domain.runs.placement import Placement, Profile, place, with_unreadable
from tagstone.domain.runs.pod_verdict import verdict, waiting
from tagstone.domain.runs.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.domain.runs.sight import RUN, ContainerSeen, EventSeen, Inside, JobSeen, PodSeen, Sight
from tagstone.domain.runs.told import Told
from tagstone.errors import Conflict, Invalid, NotFound, Permanent
from tagstone.image.manifest import read_image
from tagstone.ports import Clock, Registry

_NOT_WORKSPACES = ("/", "/proc", "/sys", "/dev", "/etc", "/run", "/tmp", "/var/tmp", "/tagstone")  # noqa: S108 - inside the container
_BELOW = ("/proc/", "/sys/", "/dev/", "/tagstone/")
_LONGEST = 40  # characters of a run's key that its Job's name shows
_EVENTS = 5.0  # seconds between two looks at what the cluster complains of
_PATIENT = 2.0  # seconds that a pod may take to begin before anybody asks what keeps it
_LATE = 60.0  # seconds beyond its grace after which a run that was stopped is removed from outside
_OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Place:
    """One cluster: how Jobs are made there, kinds of machines by their names, who pods may speak to, and seconds they may wait."""

    cluster: Cluster
    site: Site
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    policies: Sequence[Object] = ()
    patience: float = 86_400.0


@dataclass
class _Watched:
    """A cluster with what is known of our runs there."""

    place: Place
    jobs: Mirror[JobSeen]
    pods: Mirror[PodSeen]
    lock: threading.Lock = field(default_factory=threading.Lock)
    held: bool = False


class KubernetesRuns:
    """Runs below `folder` on `places`, the first of them where nothing else is said; `address` is where this site's pages are."""

    name = "kubernetes"

    def __init__(
        self,
        places: Sequence[Place],
        registry: Registry,
        desk: Desk,
        folder: Path,
        clock: Clock,
        *,
        installation: str,
        address: str,
    ) -> None:
        self._places = {place.cluster.name: place for place in places}
        self._registry = registry
        self._desk = desk
        self._folder = folder
        self._clock = clock
        self._installation = installation
        self._address = address
        self._events: dict[str, tuple[float, tuple[EventSeen, ...]]] = {}
        self._stopping: dict[str, float] = {}

    def start(self, key: str, spec: RunSpec) -> None:
        """Hand the run to a cluster, or adopt what an earlier start handed over. What cannot be had or is refused ends the run.

        Raises:
            Invalid: the image's WORKDIR cannot be a workspace, or no cluster has what is asked for.
            Temporary: the cluster does not answer, or has not removed an earlier try yet.
        """
        run = RunFolder(self._folder, key)
        _check_workdir(spec)
        with run.locked():
            if run.status is not None or run.ending is not None:
                return
            turn = run.turn
            watched, placement = self._placed(turn, spec)
            if turn is None:
                cluster = watched.place.cluster
                turn = Turn(cluster.name, cluster.namespace, self._name(key), secrets.token_hex(8), self._clock.now())
                run.spec = spec
                run.turn = turn
            if not turn.uid:
                self._hand_over(run, watched, turn, placement)

    def observe(self, key: str) -> RunStatus:
        """How the run stands. Raises: NotFound, Away."""
        run = known(self._folder, key)
        if run.status is not None:
            return run.status
        turn = run.turn
        if turn is None or not turn.uid:
            return RunStatus(detail="It has not been handed to the cluster yet.")
        watched, told = self._watched(turn.cluster), self._desk.told(key)
        sight = self._sight(run, watched, turn, told)
        failure = verdict(sight)
        if self._may_conclude(run, sight, failure, told):
            return self._conclude(run, watched, sight, failure, told)
        return self._status(watched, sight, told, detail=waiting(sight) if not told.keeping.started_at else "")

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes (both streams) since `cursor` (empty: from the start). Raises: NotFound, Invalid."""
        known(self._folder, key)
        return self._desk.log(key, cursor)

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Take the outputs that the pod brought. Raises: Conflict while it runs, Invalid, NotFound."""
        known(self._folder, key)
        if self.observe(key).running:
            raise Conflict(f"The run {key} has not ended.", remedy="Wait for its end, or stop it.")
        return self._desk.collect(key, rules)

    def stop(self, key: str) -> None:
        """End the run's processes, after the grace by force; what it left is brought before. Raises: Away."""
        run = RunFolder(self._folder, key)
        if run.spec is None or run.status is not None:
            return
        run.ending = Ending(Outcome.STOPPED, "It was stopped.")
        self._stopping.setdefault(key, self._clock.now())
        turn = run.turn
        if turn is not None and turn.uid and self._desk.told(key).keeping.started_at is not None:
            self._desk.end(key, "stop")
            return
        if turn is not None:
            withdraw(self._watched(turn.cluster).place.cluster, turn.job)
        run.status = RunStatus(
            outcome=Outcome.STOPPED, detail="It was stopped before it began.", cluster=turn.cluster if turn else ""
        )

    def remove(self, key: str) -> None:
        """Remove Job, pod and what the desk has of it; nothing there is no error. Raises: Away."""
        run = RunFolder(self._folder, key)
        if not run.path.exists():
            return
        with run.locked():
            turn = run.turn
            if turn is not None:
                withdraw(self._watched(turn.cluster).place.cluster, turn.job)
            self._desk.close(key)
            self._events.pop(key, None)
            self._stopping.pop(key, None)
            discard(run.path)

    def close(self) -> None:
        """End the watches."""
        for watched in self._all.values():
            watched.jobs.close()
            watched.pods.close()

    @cached_property
    def _all(self) -> dict[str, _Watched]:
        selector = f"{MANAGED}={OURS},{INSTALLATION}={self._installation}"
        found = {}
        for name, one in self._places.items():
            cluster = one.cluster
            jobs = Mirror(cluster, cluster.path(JOBS), selector, job_seen)
            found[name] = _Watched(one, jobs, Mirror(cluster, cluster.path(PODS), selector, pod_seen))
        return found

    def _watched(self, name: str) -> _Watched:
        if name not in self._all:
            raise Permanent(
                f"The cluster {name}, which this run was handed to, is not in the settings any more.",
                remedy=f"Set TAGSTONE_CLUSTERS__{name.upper().replace('-', '_')}__… again, or cancel the publication.",
            )
        return self._all[name]

    def _name(self, key: str) -> str:
        """What a run's Job is called: its key as far as names go, and a part that tells it from those of others."""
        shown = re.sub(r"[^a-z0-9]+", "-", key.lower())[:_LONGEST].strip("-")
        return f"tagstone-{shown}-{sha256(f'{self._installation}/{key}'.encode()).hexdigest()[:8]}"

    def _placed(self, turn: Turn | None, spec: RunSpec) -> tuple[_Watched, Placement]:
        """The cluster that takes the run, and where in it. Raises: Invalid with what the first one says, where none does."""
        if turn is not None:
            watched = self._watched(turn.cluster)
            return watched, place(spec.resources, watched.place.profiles)
        refusals = []
        for watched in self._all.values():
            try:
                return watched, place(spec.resources, watched.place.profiles)
            except Invalid as error:
                refusals.append(error)
        if not refusals:
            raise Invalid("No cluster is in the settings.", remedy="Set TAGSTONE_CLUSTERS__<NAME>__DESK and __HELPER.")
        raise refusals[0]

    def _hand_over(self, run: RunFolder, watched: _Watched, turn: Turn, placement: Placement) -> None:
        spec, here, cluster = run.spec, watched.place, watched.place.cluster
        if spec is None:
            raise NotFound(f"There is no run {run.key}.", remedy="Start it first.")
        try:
            image = read_image(self._registry, spec.image.name, spec.image.digest, Platform())
        except (NotFound, Invalid) as error:
            run.status = RunStatus(outcome=Outcome.IMAGE, detail=error.message, engine=str(cluster), cluster=cluster.name)
            return
        cluster.version()
        self._hold_policies(watched)
        token = self._desk.open(run.key, spec, grace=here.site.grace, collection=here.site.collection)
        order = Order(
            key=run.key,
            name=turn.job,
            turn=turn.nonce,
            installation=self._installation,
            publication=f"{self._address}/publications/{run.key.rpartition('-')[0]}",
            argv=(*image.settings.entrypoint, *(spec.command or image.settings.command)),
            spec=spec,
            placement=placement,
        )
        made = hand_over(cluster, here.site, order, token)
        run.turn = replace(turn, uid=made.uid)
        if made.failure is not None:
            run.status = self._failed(watched, made.failure)

    def _hold_policies(self, watched: _Watched) -> None:
        with watched.lock:
            if not watched.held:
                hold(watched.place.cluster, watched.place.policies)
                watched.held = True

    def _sight(self, run: RunFolder, watched: _Watched, turn: Turn, told: Told) -> Sight:
        job, pods = self._look(run, watched, turn)
        pod = _newest(pods)
        begun = run.begun
        if pod is not None and (begun is None or begun.name != pod.uid):
            run.begun = begun = Begun(pod.uid, "")
        now, asked = self._clock.now(), _asked(run).resources
        sight = Sight(
            resources=asked,
            now=now,
            asked_at=turn.at,
            patience=watched.place.patience,
            job=job,
            pod=pod,
            had_pod=begun is not None,
            inside=_inside(told, place(asked, watched.place.profiles)),
        )
        return replace(sight, events=self._complaints(run.key, watched, turn, sight, told))

    def _look(self, run: RunFolder, watched: _Watched, turn: Turn) -> tuple[JobSeen | None, list[PodSeen]]:
        """The run's Job and pods: from the watch where it is there and has heard of them, else asked for."""
        if watched.jobs.fresh and watched.pods.fresh:
            job, pods = watched.jobs.named(turn.job), watched.pods.of_job(turn.uid)
            if job is not None and job.uid == turn.uid and (pods or run.begun is None):
                return job, pods
        cluster = watched.place.cluster
        found = cluster.find(cluster.path(JOBS, turn.job))
        listed = cluster.get(cluster.path(PODS), labelSelector=f"{RUN_LABEL}={run.key},{INSTALLATION}={self._installation}")
        seen = job_seen(found) if found is not None else None
        pods = [pod_seen(thing) for thing in listed.get("items") or () if owner(thing) == turn.uid]
        return (seen if seen is not None and seen.uid == turn.uid else None), pods

    def _complaints(self, key: str, watched: _Watched, turn: Turn, sight: Sight, told: Told) -> tuple[EventSeen, ...]:
        """The warnings about a run that has not begun, asked for now and then only."""
        pod = sight.pod
        if told.keeping.started_at is not None or told.done or sight.now - turn.at < _PATIENT:
            return ()
        asked_at, found = self._events.get(key, (0.0, ()))
        if sight.now - asked_at < _EVENTS:
            return found
        cluster = watched.place.cluster
        listed = cluster.get(cluster.path(EVENTS), fieldSelector=f"involvedObject.uid={pod.uid if pod else turn.uid}")
        found = warnings(listed)
        self._events[key] = sight.now, found
        return found

    def _may_conclude(self, run: RunFolder, sight: Sight, failure: Failure | None, told: Told) -> bool:
        """Whether nothing more will come of it; orders to the pod what is left to be done where that is not so."""
        if told.done:
            return True
        alive = sight.pod is not None and not sight.pod.deleting and sight.pod.phase not in _OVER
        if not alive and (failure is not None or run.ending is not None):
            return True
        since = self._stopping.get(run.key)
        if run.ending is not None:
            grace = self._watched_grace(run)
            since = self._stopping.setdefault(run.key, sight.now)
            return sight.now - since > grace + _LATE
        main = sight.pod.container(RUN) if sight.pod is not None else None
        if main is None or not _began(main):
            return failure is not None
        if main.state == "terminated" and told.keeping.exit_code is None:
            self._desk.gone(run.key)
        elif failure is not None and failure.outcome is Outcome.HARDWARE:
            self._desk.end(run.key, "stop")
        return False

    def _watched_grace(self, run: RunFolder) -> int:
        return self._watched(run.turn.cluster).place.site.grace if run.turn is not None else 0

    def _conclude(self, run: RunFolder, watched: _Watched, sight: Sight, failure: Failure | None, told: Told) -> RunStatus:
        if run.ending is not None:
            status = self._status(watched, sight, told, outcome=run.ending.outcome, detail=run.ending.detail)
        elif failure is None:
            status = self._status(watched, sight, told, outcome=Outcome.SUCCEEDED)
        else:
            status = self._status(watched, sight, told, outcome=failure.outcome, detail=failure.detail)
            status = replace(status, reason=failure.reason, remedy=failure.remedy)
        if not told.done:
            withdraw(watched.place.cluster, run.turn.job if run.turn is not None else "")
        run.status = status
        self._events.pop(run.key, None)
        return status

    def _failed(self, watched: _Watched, failure: Failure) -> RunStatus:
        cluster = watched.place.cluster
        return RunStatus(
            outcome=failure.outcome,
            detail=failure.detail,
            engine=str(cluster),
            cluster=cluster.name,
            reason=failure.reason,
            remedy=failure.remedy,
        )

    def _status(
        self, watched: _Watched, sight: Sight, told: Told, *, outcome: Outcome | None = None, detail: str = ""
    ) -> RunStatus:
        said, pod = told.keeping, sight.pod
        main = pod.container(RUN) if pod is not None else None
        granted = sight.inside.granted if sight.inside is not None else None
        if granted is not None and pod is not None:
            granted = replace(
                granted, node=pod.node or None, qos=pod.qos or None, image_id=(main.image_id if main else "") or None
            )
        killed = outcome is Outcome.OUT_OF_MEMORY
        return RunStatus(
            started_at=said.started_at or (main.started_at if main else None),
            finished_at=(said.ended_at or (main.finished_at if main else None)) if outcome is not None else None,
            outcome=outcome,
            exit_code=_exit_code(said.exit_code, main) if outcome is not None else None,
            detail=detail,
            granted=granted,
            engine=str(watched.place.cluster),
            peak_memory=said.peak_memory,
            oom_killed_container=killed,
            oom_killed_child=bool(said.oom_kills) and not killed,
            usage=said.usage,
            cpu_seconds=said.cpu_seconds,
            cluster=watched.place.cluster.name,
        )


def _check_workdir(spec: RunSpec) -> None:
    if not spec.workdir.startswith("/") or spec.place in _NOT_WORKSPACES or spec.place.startswith(_BELOW):
        raise Invalid(
            f"A workspace cannot be at {spec.workdir[:100]!r}.",
            remedy="Give the image a WORKDIR of its own, such as /workspace.",
        )


def _asked(run: RunFolder) -> RunSpec:
    if run.spec is None:
        raise NotFound(f"There is no run {run.key}.", remedy="Start it first.")
    return run.spec


def _newest(pods: Sequence[PodSeen]) -> PodSeen | None:
    """The pod that counts: the cluster may have put one in the place of another that was taken away."""
    return max(pods, key=lambda pod: (not pod.deleting, pod.created_at or 0.0), default=None)


def _inside(told: Told, placement: Placement) -> Inside | None:
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


def _began(main: ContainerSeen) -> bool:
    return main.started_at is not None


def _exit_code(said: int | None, main: ContainerSeen | None) -> int | None:
    return said if said is not None else (main.exit_code if main is not None else None)
