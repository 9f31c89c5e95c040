"""Runs on clusters, as plain Jobs. What a run needs comes from the desk of this service and goes back there, so that its end is told here
only when its outputs are here too.

What is known of a run rests in its folder and at the desk; any process may go on from there. Nothing here waits: one watch of each
kind of object tells of all the runs of a cluster.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tagstone.adapters.desk import Desk
from tagstone.adapters.kubernetes.handing_over import hand_over, withdraw
from tagstone.adapters.kubernetes.manifests import Order
from tagstone.adapters.kubernetes.statuses import failed, inside, over, running
from tagstone.adapters.kubernetes.tried import enforced
from tagstone.adapters.kubernetes.views import Place, View
from tagstone.adapters.news import News
from tagstone.adapters.run_folder import Begun, Ending, RunFolder, Turn, known
from tagstone.adapters.workspace import discard
from tagstone.domain.images.oci import Platform
from tagstone.domain.runs.failure import Failure
from tagstone.domain.runs.placement import Placement, place
from tagstone.domain.runs.pod_verdict import never_fits, verdict, waiting
from tagstone.domain.runs.run import LogChunk, Outcome, OutputFile, OutputRules, RunSpec, RunStatus
from tagstone.domain.runs.sight import RUN, PodSeen, Sight
from tagstone.domain.runs.told import Told
from tagstone.errors import Conflict, Invalid, NotFound, Permanent
from tagstone.image.manifest import read_image
from tagstone.ports import Clock, Registry

_NOT_WORKSPACES = ("/", "/proc", "/sys", "/dev", "/etc", "/run", "/tmp", "/var/tmp", "/tagstone")  # noqa: S108 - inside the container
_BELOW = ("/proc/", "/sys/", "/dev/", "/tagstone/")
_LONGEST = 40  # characters of a run's key that its Job's name shows
_PATIENT = 2.0  # seconds that a run may take to begin before anybody asks what keeps it
_LATE = 300.0  # seconds beyond its grace after which a run that was stopped is removed from outside
_BEHIND = 10.0  # seconds that a cluster may take to tell of a container which began, and which image that was
_OVER = ("Succeeded", "Failed")


class KubernetesRuns:
    """Runs below `folder` on `places`, the first that has what is asked for; `address` is where this site's pages are.

    `news` are told what the clusters say of them. Without a `registry` images are the site's own, and commands are whole.
    """

    name = "kubernetes"

    def __init__(
        self,
        places: Sequence[Place],
        registry: Registry | None,
        desk: Desk,
        folder: Path,
        clock: Clock,
        *,
        installation: str,
        address: str,
        news: News | None = None,
    ) -> None:
        told = news or News()
        self._places = tuple(places)
        self._views = {
            (one.cluster.name, one.cluster.namespace): View(one, installation, told)
            for place in places
            for one in (place, *place.projects.values())
        }
        self._registry = registry
        self._desk = desk
        self._folder = folder
        self._clock = clock
        self._installation = installation
        self._address = address
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
            view, placement = self._placed(turn, spec)
            if turn is None:
                turn = Turn(view.cluster.name, view.cluster.namespace, self._name(key), secrets.token_hex(8), self._clock.now())
                run.spec = spec
                run.turn = turn
            if not turn.uid:
                self._hand_over(run, spec, view, turn, placement)

    def observe(self, key: str) -> RunStatus:
        """How the run stands. Raises: NotFound, Away."""
        run = known(self._folder, key)
        if run.status is not None:
            return run.status
        spec, turn = _asked(run), run.turn
        if turn is None or not turn.uid:
            return RunStatus(detail="It has not been handed to the cluster yet.")
        view, told = self._view(turn), self._desk.told(key)
        placement = place(spec.resources, view.place.profiles)
        sight, altered = self._sight(run, spec, view, turn, told)
        failure = altered or verdict(sight)
        detail = waiting(sight) if told.keeping.started_at is None else ""
        so_far = self._of(view, running(told, sight.pod, placement, detail))
        if altered is not None or self._may_conclude(run, view, sight, failure, told):
            return self._conclude(run, view, turn, so_far, sight, failure, told)
        return so_far

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes (both streams) since `cursor` (empty: from the start). Raises: NotFound, Invalid."""
        known(self._folder, key)
        return self._desk.log(key, cursor)

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Take the outputs that the pod brought. Raises: Conflict while it runs, NotFound where it could bring none, Invalid."""
        known(self._folder, key)
        if self.observe(key).running:
            raise Conflict(f"The run {key} has not ended.", remedy="Wait for its end, or stop it.")
        told = self._desk.told(key)
        if not told.done or told.staging.problem is not None:
            raise NotFound(f"The run {key} brought no outputs: its pod had none, or was gone before.", remedy="Run it again.")
        return self._desk.collect(key, rules)

    def stop(self, key: str) -> None:
        """End the run's processes, after the grace by force; what it left is brought before. Raises: Away."""
        run = RunFolder(self._folder, key)
        if run.spec is None or run.status is not None:
            return
        run.ending = Ending(Outcome.STOPPED, "It was stopped.")
        turn = run.turn
        if turn is not None and turn.uid and self._desk.told(key).keeping.started_at is not None:
            self._desk.end(key, "stop")
            return
        if turn is not None:
            withdraw(self._view(turn).cluster, turn.job)
        status = RunStatus(outcome=Outcome.STOPPED, detail="It was stopped before it began.")
        run.status = self._of(self._view(turn), status) if turn is not None else status

    def remove(self, key: str) -> None:
        """Remove Job, pod and what the desk has of it; nothing there is no error. Raises: Away."""
        run = RunFolder(self._folder, key)
        if not run.path.exists():
            return
        with run.locked():
            turn = run.turn
            if turn is not None:
                view = self._view(turn)
                withdraw(view.cluster, turn.job)
                view.forget(key)
            self._desk.close(key)
            self._stopping.pop(key, None)
            discard(run.path)

    def close(self) -> None:
        """End the watches."""
        for view in self._views.values():
            view.close()

    def _view(self, turn: Turn) -> View:
        found = self._views.get((turn.cluster, turn.namespace))
        if found is None:
            name = turn.cluster.upper().replace("-", "_")
            raise Permanent(
                f"The namespace {turn.namespace} of the cluster {turn.cluster}, which this run was handed to, is not in the settings "
                "any more.",
                remedy=f"Set TAGSTONE_CLUSTERS__{name}__… again, or cancel the publication.",
            )
        return found

    def _name(self, key: str) -> str:
        """What a run's Job is called: its key as far as names go, and a part that tells it from those of others."""
        shown = re.sub(r"[^a-z0-9]+", "-", key.lower())[:_LONGEST].strip("-")
        return f"tagstone-{shown}-{sha256(f'{self._installation}/{key}'.encode()).hexdigest()[:8]}"

    def _placed(self, turn: Turn | None, spec: RunSpec) -> tuple[View, Placement]:
        """The cluster that takes the run, and where in it. Raises: Invalid with what the first one says, where none does."""
        if turn is not None:
            view = self._view(turn)
            return view, place(spec.resources, view.place.profiles)
        refusals = []
        for each in self._places:
            one = each.projects.get(spec.project, each)
            try:
                return self._views[one.cluster.name, one.cluster.namespace], place(spec.resources, one.profiles)
            except Invalid as error:
                refusals.append(error)
        if not refusals:
            raise Invalid("No cluster is in the settings.", remedy="Set TAGSTONE_CLUSTERS__<NAME>__DESK and __HELPER.")
        raise refusals[0]

    def _hand_over(self, run: RunFolder, spec: RunSpec, view: View, turn: Turn, placement: Placement) -> None:
        try:
            words = self._words(spec)
        except (NotFound, Invalid) as error:
            run.status = self._of(view, RunStatus(outcome=Outcome.IMAGE, detail=error.message))
            return
        view.prepare()
        room = view.room(placement)
        if room is not None and not room.possible:
            run.status = failed(never_fits(room), self._of(view, RunStatus()))
            return
        site = view.place.site
        token = self._desk.open(run.key, spec, grace=site.grace, collection=site.collection)
        order = Order(
            key=run.key,
            name=turn.job,
            turn=turn.nonce,
            installation=self._installation,
            publication=f"{self._address}/publications/{run.key.partition('-')[0]}",
            argv=words,
            spec=spec,
            placement=placement,
        )
        made = hand_over(view.cluster, site, order, token)
        if made.failure is not None:
            run.status = failed(made.failure, self._of(view, RunStatus()))
        else:
            run.turn = replace(turn, uid=made.uid)

    def _words(self, spec: RunSpec) -> tuple[str, ...]:
        """The whole command, which begins with the image's ENTRYPOINT. Raises: NotFound, Invalid where the image cannot be read."""
        if self._registry is None:
            return spec.command
        image = read_image(self._registry, spec.image.name, spec.image.digest, Platform())
        return (*image.settings.entrypoint, *(spec.command or image.settings.command))

    def _sight(self, run: RunFolder, spec: RunSpec, view: View, turn: Turn, told: Told) -> tuple[Sight, Failure | None]:
        """What is seen of the run, and what the cluster altered of its pod where that is not to be borne."""
        begun, altered = run.begun, None
        placement = place(spec.resources, view.place.profiles)
        job, pods = view.look(run.key, turn, had_pod=begun is not None)
        pod = _that_counts(pods, begun, told)
        if pod is not None and (begun is None or begun.name != pod.uid):
            altered = view.altered(turn, pod)
            begun = Begun(pod.uid, "")
            if altered is None:
                run.begun = begun
        if pod is not None and pod.deleting and not told.done:
            pod = replace(pod, node_ready=view.ready(pod.node))
        now = self._clock.now()
        sight = Sight(
            resources=spec.resources,
            now=now,
            asked_at=turn.at,
            patience=view.place.patience,
            job=job,
            pod=pod,
            had_pod=begun is not None,
            inside=inside(told, placement),
        )
        if sight.too_long:
            sight = replace(sight, fit=view.fit(placement))
        if told.keeping.started_at is None and not told.done and now - turn.at >= _PATIENT:
            sight = replace(sight, events=view.complaints(run.key, pod.uid if pod is not None else turn.uid, now))
        return sight, altered

    def _may_conclude(self, run: RunFolder, view: View, sight: Sight, failure: Failure | None, told: Told) -> bool:
        """Whether nothing more will come of it; orders what is left to be done where that is not so."""
        pod = sight.pod
        if told.done:
            return not _is_behind(pod, told, sight.now)
        if pod is None or pod.deleting or pod.phase in _OVER:
            return failure is not None or run.ending is not None
        if run.ending is not None:
            since = self._stopping.setdefault(run.key, sight.now)
            return sight.now - since > view.place.site.grace + _LATE
        main = pod.container(RUN)
        if main is None or main.started_at is None:
            return failure is not None
        if main.state == "terminated" and told.keeping.exit_code is None:
            self._desk.gone(run.key)
        elif failure is not None and failure.outcome is Outcome.HARDWARE:
            self._desk.end(run.key, "stop")
        return False

    def _conclude(
        self, run: RunFolder, view: View, turn: Turn, so_far: RunStatus, sight: Sight, failure: Failure | None, told: Told
    ) -> RunStatus:
        if run.ending is not None:
            status = over(so_far, told, sight.pod, run.ending.outcome, run.ending.detail)
        elif failure is None:
            status = over(so_far, told, sight.pod, Outcome.SUCCEEDED, "")
        else:
            status = failed(failure, over(so_far, told, sight.pod, failure.outcome, failure.detail))
        # Of a run whose pod was taken away the cluster may make another one.
        if not told.done or status.outcome is Outcome.DISRUPTED:
            withdraw(view.cluster, turn.job)
        run.status = status
        view.forget(run.key)
        return status

    def _of(self, view: View, status: RunStatus) -> RunStatus:
        """The status with the cluster that it is of."""
        held = enforced(view.place.tried, self._clock.now())
        return replace(status, engine=str(view.cluster), cluster=view.cluster.name, network_held=held)


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


def _is_behind(pod: PodSeen | None, told: Told, now: float) -> bool:
    """Whether the cluster has yet to tell of the image that ran: what its pod says may be here before."""
    heard, main = told.heard_at, pod.container(RUN) if pod is not None else None
    if pod is None or pod.deleting or pod.phase in _OVER or heard is None or told.keeping.started_at is None:
        return False
    return (main is None or not main.image_id) and now - heard < _BEHIND


def _that_counts(pods: Sequence[PodSeen], begun: Begun | None, told: Told) -> PodSeen | None:
    """The run's pod. Where the cluster put another in the place of one that was taken away, the run is over; unless that one has brought all."""
    if begun is not None and not told.done:
        pods = [pod for pod in pods if pod.uid == begun.name]
    return max(pods, key=lambda pod: (not pod.deleting, pod.created_at or 0.0), default=None)
