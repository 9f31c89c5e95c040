"""What a cluster has and allows: its nodes, and the quotas and ranges of the namespace that runs go into."""

from collections.abc import Mapping
from typing import Any

from tagstone.adapters.kubernetes.client import Cluster
from tagstone.domain.runs.allowance import CONTAINER, POD, Quota, Range
from tagstone.domain.runs.node import Node, Taint
from tagstone.domain.runs.quantity import parse_quantity
from tagstone.errors import Forbidden, Invalid

_PAGE = "500"


def nodes(cluster: Cluster) -> list[Node] | None:
    """Every node; None where they may not be looked at, as without the ClusterRole of deploy/kubernetes/nodes. Raises: Away."""
    found = _listed(cluster, "/api/v1/nodes")
    return None if found is None else [node_from(one) for one in found]


def quotas(cluster: Cluster) -> list[Quota]:
    """The quotas of the namespace on what pods ask for, as far as they may be looked at. Raises: Away.

    Those that count some pods only are left out.
    """
    return [
        Quota(str(one["metadata"]["name"]), _amounts((one.get("spec") or {}).get("hard")))
        for one in _listed(cluster, cluster.path("v1/resourcequotas")) or []
        if not any((one.get("spec") or {}).get(name) for name in ("scopes", "scopeSelector"))
    ]


def ranges(cluster: Cluster) -> list[Range]:
    """The ranges of the namespace, as far as they may be looked at. Raises: Away."""
    return [
        Range(str(one["metadata"]["name"]), str(limit["type"]), _amounts(limit.get("max")), _amounts(limit.get("min")))
        for one in _listed(cluster, cluster.path("v1/limitranges")) or []
        for limit in (one.get("spec") or {}).get("limits") or []
        if limit.get("type") in (POD, CONTAINER)
    ]


def node_from(said: Mapping[str, Any]) -> Node:
    """A node as the API writes it."""
    metadata, spec, status = (said.get(part) or {} for part in ("metadata", "spec", "status"))
    ready = [condition for condition in status.get("conditions") or [] if condition.get("type") == "Ready"]
    return Node(
        name=str(metadata.get("name", "")),
        allocatable=_amounts(status.get("allocatable")),
        labels={str(name): str(value) for name, value in (metadata.get("labels") or {}).items()},
        taints=tuple(
            Taint(str(one.get("key", "")), str(one.get("value") or ""), str(one.get("effect", "")))
            for one in spec.get("taints") or []
        ),
        ready=any(condition.get("status") == "True" for condition in ready),
        cordoned=bool(spec.get("unschedulable")),
    )


def _listed(cluster: Cluster, path: str) -> list[dict[str, Any]] | None:
    """All of a list, page by page; None where it may not be looked at."""
    items: list[dict[str, Any]] = []
    following = ""
    while True:
        try:
            found = cluster.get(path, limit=_PAGE, **({"continue": following} if following else {}))
        except Forbidden:
            return None
        items += found.get("items") or []
        following = str((found.get("metadata") or {}).get("continue") or "")
        if not following:
            return items


def _amounts(said: Mapping[str, Any] | None) -> dict[str, float]:
    """Amounts by their names; what nobody can read is left out."""
    found = {}
    for name, amount in (said or {}).items():
        try:
            found[str(name)] = parse_quantity(str(amount))
        except Invalid:
            continue
    return found
