"""Check before a tag is set whether a cluster of this site could ever run what a manifest asks for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tagstone.domain.manifests import manifest as manifests
from tagstone.domain.reading.faults import Fault
from tagstone.domain.runs.allowance import Quota, Range, excesses
from tagstone.domain.runs.fit import Fit, fit
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.node import Node
from tagstone.domain.runs.placement import Placement, Profile, beside_volume, place
from tagstone.errors import Invalid, TagstoneError


@dataclass(frozen=True)
class ClusterView:
    """What may be asked of one cluster: nodes (None: they may not be looked at), quotas and ranges of the namespace for runs.

    `overhead` is what our own containers claim beside a run (cores, bytes, by the names of resources); a cluster that `grows` makes
    nodes when they are asked for; with a `volume`, workspaces do not lie on the nodes' disks.
    """

    name: str
    nodes: Callable[[], Sequence[Node] | None]
    quotas: Callable[[], Sequence[Quota]]
    ranges: Callable[[], Sequence[Range]]
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    overhead: Mapping[str, float] = field(default_factory=dict)
    grows: bool = False
    volume: bool = False


@dataclass(frozen=True)
class ClusterReport:
    """Where a run would go, and what is wrong with that; `cluster` is empty where none has the profile or kind of GPU asked for."""

    cluster: str
    faults: tuple[Fault, ...] = ()
    fit: Fit | None = None

    def as_text(self) -> str:
        """The answer for people, without the faults."""
        if not self.cluster:
            return ""
        return f"cluster {self.cluster}: {self.fit.as_text() if self.fit else 'its nodes could not be looked at.'}"

    def as_json(self) -> dict[str, object]:
        """The answer for programs, without the faults."""
        return {"name": self.cluster or None, "fit": self.fit.as_json() if self.fit else None}


def check_cluster(asked: Resources, clusters: Sequence[ClusterView]) -> ClusterReport:
    """Judge the cluster that the run would go to, the first that has what is asked for by name. Nothing is made there."""
    chosen = _chosen(asked, clusters)
    if isinstance(chosen, Fault):
        return ClusterReport("", (chosen,))
    view, placement = chosen
    try:
        nodes, quotas, ranges = view.nodes(), view.quotas(), view.ranges()
    except TagstoneError as error:
        return ClusterReport(view.name, (Fault(manifests.FILE, error.message, error.remedy, warning=True),))
    found = fit(placement, nodes, view.overhead) if nodes is not None else None
    faults = tuple(_faults(view, placement, found, quotas, ranges))
    return ClusterReport(view.name, faults, found)


def _chosen(asked: Resources, clusters: Sequence[ClusterView]) -> tuple[ClusterView, Placement] | Fault:
    """As runs choose it."""
    refusals = []
    for view in clusters:
        try:
            placement = place(asked, view.profiles)
            return view, beside_volume(placement) if view.volume else placement
        except Invalid as error:
            refusals.append(error)
    if not refusals:
        return Fault(manifests.FILE, "This site has no cluster.", "Leave --cluster out, or set TAGSTONE_CLUSTERS__….")
    return Fault(manifests.FILE, refusals[0].message, refusals[0].remedy)


def _faults(
    view: ClusterView, placement: Placement, found: Fit | None, quotas: Sequence[Quota], ranges: Sequence[Range]
) -> Iterator[Fault]:
    if found is None:
        remedy = "Ask its admin to apply deploy/kubernetes/nodes, which lets Tagstone list them."
        yield Fault(manifests.FILE, f"The nodes of the cluster {view.name} may not be looked at.", remedy, warning=True)
    elif not found.possible:
        waits = " New ones may come: this cluster makes nodes when they are asked for." if view.grows else ""
        yield Fault(manifests.FILE, f"{found.as_text()}{waits}", found.remedy, warning=view.grows)
    elif len(found.waiting) == len(found.able):
        yield Fault(manifests.FILE, found.as_text(), "Wait, or ask the cluster's admin.", warning=True)
    for excess in excesses(placement.claims, view.overhead, quotas, ranges):
        yield Fault(manifests.FILE, excess, "Ask for less (run: resources), or ask the cluster's admin for more.")
