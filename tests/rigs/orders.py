"""Runs as they are handed to a cluster, of every kind that changes what is rendered."""

from dataclasses import replace
from typing import Any

from tagstone.adapters.kubernetes.manifests import Order, Site, job, owned_by, secret
from tagstone.adapters.kubernetes.policies import network_policies
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.placement import Profile, Toleration, place
from tagstone.domain.runs.run import RunSpec

DESK = "http://192.0.2.7:8622/desk"
DESK_NETWORK = "192.0.2.7/32"
DIGEST = f"sha256:{'a1' * 32}"
TOKEN = "the-token-of-this-run-only"

SITE = Site("runs", DESK, f"registry.example.org/tagstone/pod@{DIGEST}", "registry.example.org")
_RESOURCES = Resources(cpu=2.0, memory=4 * 2**30, disk=10 * 2**30, time=7200)
_SPEC = RunSpec(
    image=ImageReference("project/image", DIGEST),
    code="code.tar",
    workdir="/workspace",
    command=("python", "analysis.py"),
    env=(("TAGSTONE_DOI", "10.5072/x"),),
    resources=_RESOURCES,
)
_PROFILES = {
    "gpu-a100": Profile(
        gpu_resource="nvidia.com/gpu",
        gpu_type="a100",
        node_selector={"example.org/gpu": "a100"},
        tolerations=(Toleration("dedicated", "science", "NoSchedule"),),
        runtime_class="nvidia",
        priority_class="science",
        queue="gpus",
    ),
    "other": Profile(gpu_resource="example.org/accelerator"),
    "archive": Profile(egress=("203.0.113.0/24", "10.7.0.0/16")),
    "alone": Profile(egress=()),
}


def order(spec: RunSpec = _SPEC, **asked: Any) -> Order:
    """A run of this spec, with these resources instead."""
    spec = replace(spec, resources=replace(spec.resources, **asked))
    placement = place(spec.resources, _PROFILES)
    page = "https://tagstone.example.org/publications/0"
    return Order("p-0", "tagstone-p-0-0123456789", "turn", "0123456789ab", page, spec.command, spec, placement)


KINDS: dict[str, tuple[Order, Site]] = {
    "plain": (order(), SITE),
    "with network": (order(replace(_SPEC, network=True)), SITE),
    "with its profile's network": (order(replace(_SPEC, network=True), profile="archive"), SITE),
    "with an empty network": (order(replace(_SPEC, network=True), profile="alone"), SITE),
    "of that profile, without network": (order(profile="archive"), SITE),
    "with GPUs": (order(gpu=2), SITE),
    "of a profile": (order(profile="gpu-a100", gpu=1), SITE),
    "of another vendor": (order(profile="other", gpu=1), SITE),
    "with dollars": (
        order(replace(_SPEC, command=("sh", "-c", 'echo $$ $(date) $HOME "$$(x)"'), env=(("A", "$(B)$$"),))),
        SITE,
    ),
    "on a shared volume": (order(), replace(SITE, claim="shared")),
    "in a queue": (order(), replace(SITE, queue="all")),
    "from a closed registry": (order(), replace(SITE, pull_secret="registry")),
    "to an encrypted desk": (order(), replace(SITE, desk="https://desk.example.org/desk", ca="-----BEGIN CERTIFICATE-----")),
    "at the root of a disk": (order(replace(_SPEC, workdir="/srv/work/")), SITE),
}


def rendered(kind: str) -> list[dict[str, Any]]:
    """All objects that a run of this kind puts into its namespace."""
    asked, site = KINDS[kind]
    made = secret(asked, TOKEN, site)
    made["metadata"] |= owned_by(asked.name, "00000000-0000-0000-0000-000000000000")["metadata"]
    return [job(asked, site), made, *network_policies("runs", site.desk, DESK_NETWORK, ("198.51.100.0/24",), _PROFILES)]


def pod(kind: str) -> dict[str, Any]:
    """The spec of the pod of a run of this kind."""
    asked, site = KINDS[kind]
    spec: dict[str, Any] = job(asked, site)["spec"]["template"]["spec"]
    return spec
