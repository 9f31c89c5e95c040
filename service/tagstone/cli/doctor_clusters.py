"""What `doctor --cluster` examines: for each cluster of this site, whether runs can go there and are held there."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from tagstone.cli.doctor import FAULT, OK, WARNING, Finding, guarded

if TYPE_CHECKING:
    from tagstone.adapters.kubernetes.manifests import Order
    from tagstone.adapters.kubernetes.probe import Probed
    from tagstone.adapters.kubernetes.views import Place
    from tagstone.bootstrap import Application

_ROLE = "Apply deploy/kubernetes/runs there, with the namespace in the settings."
_NO_DIGEST = f"sha256:{'0' * 64}"

Look = Callable[..., Finding]


def examine_clusters(application: "Application") -> list[Finding]:
    """Every finding about every cluster; what is made there for it is removed again."""
    names = application.clusters.order
    if not names:
        return [Finding("clusters", WARNING, "none", "Set TAGSTONE_CLUSTERS__<NAME>__DESK and __HELPER.")]
    return [finding for name in names for finding in _one(application, name)]


def _one(application: "Application", name: str) -> Iterator[Finding]:
    first = guarded(f"cluster {name}", partial(api, name=name), application)
    yield first
    if first.verdict == FAULT:
        return
    looks = LOOKS if application.settings.clusters[name].builds is not None else LOOKS_AT_RUNS
    for what, look in looks.items():
        yield guarded(f"{name}: {what}", partial(look, name=name), application)


def api(application: "Application", name: str) -> Finding:
    """The API server, and its version."""
    cluster = application.clusters.connections[name]
    version = cluster.version()
    return Finding(f"cluster {name}", OK, f"{version} at {cluster.address}, runs in the namespace {cluster.namespace}")


def rights(application: "Application", name: str) -> Finding:
    """What the service may do there: all that it needs, and nothing that is dangerous to have."""
    from tagstone.adapters.kubernetes.rights import NEEDED, POLICIES, TOO_MUCH, among

    what, cluster = f"{name}: permissions", application.clusters.connections[name]
    needed = (*NEEDED, *(POLICIES if application.settings.clusters[name].policies else ()))
    missing, more = among(cluster, needed, held=False), among(cluster, TOO_MUCH, held=True)
    if missing:
        return Finding(what, FAULT, f"missing: {', '.join(map(str, missing))}", _ROLE)
    if more:
        said = ", ".join(f"{right}{' everywhere' if right.everywhere else ''}" for right in more)
        text = f"more than is needed: {said}"
        return Finding(
            what, WARNING, text, "Give the service an account of its own with that Role alone: deploy/kubernetes/runs."
        )
    return Finding(what, OK, f"all {len(needed)} that are needed, and none that is dangerous")


def projects(application: "Application", name: str) -> Finding:
    """The namespaces of projects that have their own: whether runs may go there, and whether a quota holds them."""
    from tagstone.adapters.kubernetes.nodes import quotas
    from tagstone.adapters.kubernetes.rights import NEEDED, POLICIES, among

    what, one = f"{name}: projects", application.settings.clusters[name]
    namespaces = sorted(set(one.projects.values()))
    places = [application.clusters.at(name, namespace) for namespace in namespaces]
    needed = (*NEEDED, *(POLICIES if one.policies else ()))
    missing = {place.namespace: lacking for place in places if (lacking := among(place, needed, held=False))}
    if missing:
        said = "; ".join(f"{namespace}: {', '.join(map(str, lacking))}" for namespace, lacking in missing.items())
        return Finding(what, FAULT, f"missing: {said}", "Apply deploy/kubernetes/runs for each namespace of a project too.")
    free = [place.namespace for place in places if not quotas(place)]
    if free:
        text = f"no ResourceQuota is seen in {', '.join(free)}"
        return Finding(what, WARNING, text, "Make one there, or leave those projects in the namespace of all.")
    return Finding(
        what, OK, f"{len(namespaces)} namespaces of their own, each with a quota" if places else "all in one namespace"
    )


def nodes(application: "Application", name: str) -> Finding:
    """The nodes, and what they have that is counted."""
    from tagstone.adapters.kubernetes.nodes import nodes as listed

    what, found = f"{name}: nodes", listed(application.clusters.connections[name])
    if found is None:
        text = "may not be looked at, so nobody can say beforehand whether a run fits"
        return Finding(what, WARNING, text, "Apply deploy/kubernetes/nodes there.")
    taking = [node for node in found if node.ready and not node.cordoned]
    devices: dict[str, int] = {}
    for node in taking:
        for resource, amount in node.allocatable.items():
            if "/" in resource and amount:
                devices[resource] = devices.get(resource, 0) + int(amount)
    text = f"{len(taking)} of {len(found)} take runs" + "".join(
        f", {count} {device}" for device, count in sorted(devices.items())
    )
    return Finding(what, OK if taking else FAULT, text, "" if taking else "Look why no node is ready: `kubectl get nodes`.")


def fields(application: "Application", name: str) -> Finding:
    """What the server drops or changes of a Job, tried without making one."""
    from tagstone.adapters.kubernetes.readback import essential

    what, place = f"{name}: Jobs", application.clusters.place(name)
    found = _dropped(place)
    if missing := essential(found):
        text = f"the cluster drops, changes or loosens what runs are held by: {', '.join(missing[:5])}"
        return Finding(what, FAULT, text, "Look what rewrites Jobs there; Kubernetes has to be 1.20 or newer.")
    if found:
        return Finding(what, OK, f"kept, but for {', '.join(found)}, which this version has not: the same is done here")
    return Finding(what, OK, "kept with every field")


def builds(application: "Application", name: str) -> Finding:
    """Whether images can be built there: rights in the namespace for builds, Jobs that keep what builds need, and a node with room."""
    from tagstone.adapters.kubernetes.nodes import nodes as listed
    from tagstone.adapters.kubernetes.readback import essential
    from tagstone.adapters.kubernetes.rights import NEEDED, POLICIES, among
    from tagstone.domain.runs.fit import fit
    from tagstone.domain.runs.placement import place as placed

    what, place = f"{name}: builds", application.clusters.build_place(name)
    namespace = place.site.namespace
    if missing := among(place.cluster, (*NEEDED, *(POLICIES if place.policies else ())), held=False):
        text = f"missing in the namespace {namespace}: {', '.join(map(str, missing))}"
        return Finding(what, FAULT, text, "Apply deploy/kubernetes/builds there, with the namespace in the settings.")
    if changed := essential(_dropped(place)):
        text = f"the cluster drops, changes or loosens what builds need in the namespace {namespace}: {', '.join(changed[:5])}"
        return Finding(what, FAULT, text, "Let that namespace admit seccomp Unconfined, SETUID and SETGID.")
    found = listed(place.cluster)
    room = fit(placed(application.clusters.build_resources(name), {}), found, place.overhead) if found is not None else None
    if room is not None and not room.possible and not place.grows:
        text = f"no node has room for one: {room.as_text()}"
        return Finding(what, FAULT, text, f"Set TAGSTONE_CLUSTERS__{_written(name)}__BUILDS__CPU, __MEMORY or __DISK to less.")
    return Finding(what, OK, f"in the namespace {namespace}, by {application.clusters.building(name).image}")


def network(application: "Application", name: str) -> Finding:
    """Whether pods reach the desk, and NetworkPolicies keep them from the rest: tried from pods."""
    from tagstone.adapters.kubernetes.policies import hold
    from tagstone.adapters.kubernetes.probe import probe
    from tagstone.adapters.kubernetes.tried import remember

    place = application.clusters.place(name)
    hold(place.cluster, place.policies)
    with application.clusters.at_work():
        found = probe(place.cluster, place.site, time.sleep)
    remember(application.clusters.tried(name), application.clock.now(), enforced=found.enforced)
    return judged(f"{name}: network", found, place.site.desk)


def judged(what: str, found: "Probed", desk: str) -> Finding:
    """What a probe means."""
    from tagstone.adapters.kubernetes.probe import DESK

    if not found.held.reaches(DESK):
        how = found.held.places.get(DESK, "silent")
        policy = " though one that no policy holds does" if found.free.reaches(DESK) else ""
        text = f"runs do not reach the desk at {desk} ({how}){policy}"
        return Finding(what, FAULT, text, "Correct TAGSTONE_CLUSTERS__<NAME>__DESK or __DESK_NETWORK, and look at firewalls.")
    if found.held.token:
        return Finding(
            what, FAULT, "a run was given a token of the cluster", "Look what adds service accounts' tokens to pods."
        )
    if found.held.places[DESK] == "refused":
        text = f"runs reach the machine of the desk, but nobody listens at {desk}"
        return Finding(what, FAULT, text, "Let TAGSTONE_DESK__HOST and __PORT be what that address leads to.")
    if found.enforced is None:
        text = "the desk is reached; whether NetworkPolicies are enforced cannot be told: there was nothing to keep runs from"
        return Finding(what, WARNING, text, "Ask the cluster's admin which network plug-in it has.")
    if not found.enforced:
        text = "NetworkPolicies are not enforced: every run reaches the cluster's own network"
        return Finding(what, WARNING, text, "Ask for a network plug-in that enforces them, such as Calico or Cilium.")
    return Finding(what, OK, "the desk is reached, and NetworkPolicies keep runs from the rest")


def _dropped(place: "Place") -> tuple[str, ...]:
    """What the server drops, changes or loosens of a Job of this place, tried without making one."""
    from tagstone.adapters.kubernetes.handing_over import JOBS
    from tagstone.adapters.kubernetes.manifests import job
    from tagstone.adapters.kubernetes.readback import differences, loosened

    wanted = job(_example(), place.site)
    kept = place.cluster.create(place.cluster.path(JOBS), wanted, dryRun="All")
    found = differences({part: wanted[part] for part in ("metadata", "spec")}, kept)
    return tuple(dict.fromkeys((*found, *loosened(wanted, kept))))


def _written(name: str) -> str:
    """A cluster's name as variables write it."""
    return name.upper().replace("-", "_")


def _example() -> "Order":
    """A small run as it would be handed over."""
    from tagstone.adapters.kubernetes.manifests import Order
    from tagstone.domain.images.oci import ImageReference
    from tagstone.domain.runs.hardware import Resources
    from tagstone.domain.runs.placement import place
    from tagstone.domain.runs.run import RunSpec

    asked = Resources(cpu=0.1, memory=2**26, disk=2**26, time=60)
    spec = RunSpec(ImageReference("tagstone-doctor", _NO_DIGEST), "", "/workspace", ("true",), (), asked)
    return Order("doctor", "tagstone-doctor", "doctor", "doctor", "", ("true",), spec, place(asked, {}))


LOOKS_AT_RUNS: dict[str, Look] = {
    "permissions": rights,
    "projects": projects,
    "nodes": nodes,
    "Jobs": fields,
    "network": network,
}
LOOKS: dict[str, Look] = LOOKS_AT_RUNS | {"builds": builds}
