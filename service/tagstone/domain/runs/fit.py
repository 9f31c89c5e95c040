"""Whether any node of a cluster could ever take a run, and which is the nearest that could not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tagstone.domain.runs.hardware import format_bytes
from tagstone.domain.runs.node import NO_SCHEDULE, Node
from tagstone.domain.runs.placement import CPU, DISK, MEMORY, Placement

_PODS = "pods"
_SLACK = 1e-6  # of a core or a byte: thousandths have no exact binary form
_FIELDS = {CPU: "cpu", MEMORY: "memory", DISK: "disk"}


@dataclass(frozen=True)
class Lack:
    """One reason why a node does not take a run; `most` of `resource` is there, None where it is no amount that is missing."""

    text: str
    resource: str = ""
    most: float | None = None


@dataclass(frozen=True)
class Fit:
    """Which nodes could take a run if they were empty, by name; else the nearest one, what it lacks, and what would fit there.

    `waiting` are those of the able that take nobody now. `nodes` is how many were looked at.
    """

    able: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    nearest: str | None = None
    lacks: tuple[Lack, ...] = ()
    nodes: int = 0

    @property
    def possible(self) -> bool:
        """True where some node could take it, now or later."""
        return bool(self.able)

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources of which even the nearest node has too little."""
        return tuple(lack.resource for lack in self.lacks if lack.most is not None)

    @property
    def nearest_text(self) -> str:
        """Of which node least is missing, and what, for people; only where no node could take it."""
        if not self.nodes:
            return "The cluster has no node."
        return f"The nearest is {self.nearest}: {'; '.join(lack.text for lack in self.lacks)}."

    def as_text(self) -> str:
        """The answer for people, in one sentence."""
        if not self.able:
            return f"No node could ever take it. {self.nearest_text}" if self.nodes else self.nearest_text
        text = f"{len(self.able)} of {self.nodes} nodes could take it"
        return f"{text}, but none takes anything now." if len(self.waiting) == len(self.able) else f"{text}."

    @property
    def remedy(self) -> str:
        """What to ask for instead; empty where it fits."""
        if self.able:
            return ""
        amounts = [_most(lack.resource, lack.most) for lack in self.lacks if lack.most is not None]
        others = any(lack.most is None for lack in self.lacks)
        if not self.nodes or (others and not amounts):
            return "Choose another profile (run: resources: profile), or ask the site's admin for nodes that take it."
        return f"Ask for at most {' and '.join(amounts)} (run: resources){', on another profile' if others else ''}."

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        lacks = [{"text": lack.text, "resource": lack.resource or None, "most": lack.most} for lack in self.lacks]
        about = {"possible": self.possible, "nodes": self.nodes, "able": list(self.able), "waiting": list(self.waiting)}
        return about | {"nearest": self.nearest, "lacks": lacks, "remedy": self.remedy or None}


def fit(placement: Placement, nodes: Sequence[Node], overhead: Mapping[str, float] | None = None) -> Fit:
    """Look at all nodes as if they were empty; `overhead` is what our own containers claim beside the run's.

    The nearest is the node with the fewest lacks, of these the one that has most of what is missing.
    """
    overhead = overhead or {}
    found = [(node, tuple(_lacks(placement, node, overhead))) for node in sorted(nodes, key=lambda node: node.name)]
    able = [node for node, lacks in found if not lacks]
    if able or not found:
        waiting = tuple(node.name for node in able if node.cordoned or not node.ready)
        return Fit(tuple(node.name for node in able), waiting, nodes=len(found))
    nearest, lacks = min(found, key=lambda one: _distance(placement, one[1]))
    return Fit((), nearest=nearest.name, lacks=lacks, nodes=len(found))


def _lacks(placement: Placement, node: Node, overhead: Mapping[str, float]) -> Iterator[Lack]:
    for resource, wanted in placement.claims.items():
        most = node.allocatable.get(resource, 0.0) - overhead.get(resource, 0.0)
        if wanted > most + _SLACK:
            have = show_amount(resource, max(most, 0.0))
            yield Lack(f"{show_amount(resource, wanted)} asked for, it has {have}", resource, max(most, 0.0))
    if node.allocatable.get(_PODS) == 0:
        yield Lack("it takes no pods at all")
    for key, value in placement.node_selector.items():
        if node.labels.get(key) != value:
            yield Lack(f"it is not labelled {key}={value}, as {_whose(placement)} wants")
    for taint in node.taints:
        if (
            taint.effect in NO_SCHEDULE
            and not passing(taint.key)
            and not any(one.covers(taint) for one in placement.tolerations)
        ):
            yield Lack(f"it is kept for others (taint {taint})")


def passing(key: str) -> bool:
    """Whether a taint says how a node is at the moment (unreachable, cordoned, full), not whom it is kept for."""
    return key.startswith("node.kubernetes.io/") or key == "node.cloudprovider.kubernetes.io/uninitialized"


def show_amount(resource: str, amount: float) -> str:
    """An amount of a resource for people, such as `4 cores`, `8 GiB of memory` or `1 nvidia.com/gpu`."""
    if resource == CPU:
        return f"{amount:g} {'core' if amount == 1 else 'cores'}"
    if resource in (MEMORY, DISK):
        return f"{format_bytes(int(amount))} of {_FIELDS[resource]}"
    return f"{amount:g} {resource}"


def _most(resource: str, most: float | None) -> str:
    return f"{_FIELDS.get(resource, 'gpu')}: {_written(resource, most or 0.0)}"


def _written(resource: str, amount: float) -> str:
    """An amount as a manifest has it, rounded down."""
    if resource == CPU:
        return f"{int(amount * 10 + _SLACK) / 10:g}"
    if resource in (MEMORY, DISK):
        return f"{int(amount) // 2**30}Gi" if amount >= 10 * 2**30 else f"{int(amount) // 2**20}Mi"
    return f"{int(amount)}"


def _distance(placement: Placement, lacks: Sequence[Lack]) -> tuple[int, int, float]:
    """Whom it is not meant for is farther than what is too small; then the share of the claims that is missing counts."""
    missing = sum(1 - (lack.most or 0.0) / placement.claims[lack.resource] for lack in lacks if lack.most is not None)
    return sum(lack.most is None for lack in lacks), len(lacks), missing


def _whose(placement: Placement) -> str:
    return f"the profile {placement.profile}" if placement.profile else "the request"
