"""Where in a cluster a run may go, and what it claims there: what the manifest asks for in the words of the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tagstone.domain.reading.nearest import nearest_names
from tagstone.domain.runs.hardware import Granted, Resources
from tagstone.domain.runs.node import Taint
from tagstone.errors import Invalid

CPU, MEMORY, DISK = "cpu", "memory", "ephemeral-storage"
USUAL_GPU = "nvidia.com/gpu"
OPEN = "open"
"""What the network of a run is called that reaches all that is public."""
_BESIDE = 64 * 2.0**20  # bytes
VENDORS = {"nvidia": USUAL_GPU, "amd": "amd.com/gpu", "intel": "gpu.intel.com/i915"}
"""The resources that the device plugins of GPUs' vendors advertise, by the names that manifests may use as kinds of GPU."""


@dataclass(frozen=True)
class Toleration:
    """What a pod puts up with; without `key` everything, without `value` any, without `effect` all."""

    key: str = ""
    value: str = ""
    effect: str = ""

    def covers(self, taint: Taint) -> bool:
        """Whether a node with this taint takes the pod nevertheless."""
        return (
            self.key in ("", taint.key)
            and (not self.value or self.value == taint.value)
            and (not self.effect or self.effect == taint.effect)
        )


@dataclass(frozen=True)
class Profile:
    """A kind of machine that a site has a name for, and how its cluster knows it.

    `gpu_resource` is what its GPUs are counted as there, `gpu_type` the kind that manifests may ask for instead of the profile. `egress` are
    the networks (CIDR) that a run with a network reaches; None is all that is public.
    """

    gpu_resource: str | None = None
    gpu_type: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str | None = None
    priority_class: str | None = None
    queue: str | None = None
    egress: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Placement:
    """What a run claims (cores, bytes and counts, by the names of the cluster's resources), and which nodes may take it.

    `network` is what a network is, where the run has one: what is public, or what its profile names.
    """

    claims: Mapping[str, float]
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str | None = None
    priority_class: str | None = None
    queue: str | None = None
    profile: str | None = None
    gpu_type: str | None = None
    network: str = OPEN


def network_of(profile: str) -> str:
    """What the network of a profile with an egress of its own is called."""
    return f"profile-{profile}"


def place(asked: Resources, profiles: Mapping[str, Profile], default: str | None = None) -> Placement:
    """What a cluster with these profiles is told of the hardware asked for; `default` is the profile of what asks for none.

    GPUs without profile and kind are NVIDIA's. The taint that keeps others off a GPU's node bears its resource's name, so it is tolerated.

    Raises:
        Invalid: there is no such profile or kind of GPU, or the profile's GPUs are of another kind.
    """
    name = asked.profile or _offering(asked, profiles) or default
    if name is not None and name not in profiles:
        raise Invalid(
            f"This cluster has no profile {name!r}.",
            remedy=_remedy(name, profiles, "Leave `profile` out: this cluster has none."),
        )
    profile = profiles[name] if name is not None else Profile()
    claims = {CPU: asked.cpu, MEMORY: float(asked.memory), DISK: float(asked.disk)}
    tolerations = profile.tolerations
    if asked.gpu:
        gpu = _gpu_resource(asked, profile, name)
        claims[gpu] = float(asked.gpu)
        tolerations = (*tolerations, Toleration(key=gpu))
    return Placement(
        claims=claims,
        node_selector=dict(profile.node_selector),
        tolerations=tolerations,
        runtime_class=profile.runtime_class,
        priority_class=profile.priority_class,
        queue=profile.queue,
        profile=name,
        gpu_type=asked.gpu_type if asked.gpu else None,
        network=OPEN if name is None or profile.egress is None else network_of(name),
    )


def beside_volume(placement: Placement) -> Placement:
    """The same where the workspace lies on a volume: of its node's disk the run takes next to nothing."""
    return replace(placement, claims={**placement.claims, DISK: min(placement.claims[DISK], _BESIDE)})


def with_unreadable(granted: Granted, placement: Placement) -> Granted:
    """What was granted, with the devices that nobody inside can name: a cluster that began the pod has given them to it.

    NVIDIA's GPUs are named from inside, so for them nothing is believed.
    """
    known = (CPU, MEMORY, DISK, VENDORS["nvidia"])
    kind = f" ({placement.gpu_type})" if placement.gpu_type else ""
    given = (f"{name}{kind}" for name, count in placement.claims.items() if name not in known for _ in range(int(count)))
    return replace(granted, gpus=(*granted.gpus, *given))


def _offering(asked: Resources, profiles: Mapping[str, Profile]) -> str | None:
    """The first profile with the kind of GPU asked for; None where no profile is needed. Raises: Invalid."""
    if not asked.gpu or asked.gpu_type is None:
        return None
    wanted = asked.gpu_type.lower()
    kinds = {profile.gpu_type.lower(): name for name, profile in reversed([*profiles.items()]) if profile.gpu_type}
    if wanted not in kinds and wanted not in VENDORS:
        raise Invalid(
            f"This cluster knows no GPU of the kind {asked.gpu_type!r}.",
            remedy=_remedy(wanted, kinds | VENDORS, "Leave `gpu_type` out."),
        )
    return kinds.get(wanted)


def _gpu_resource(asked: Resources, profile: Profile, name: str | None) -> str:
    wanted = (asked.gpu_type or "").lower()
    of_vendor = VENDORS.get(wanted)
    if wanted and of_vendor is None and wanted != (profile.gpu_type or "").lower():
        raise Invalid(
            f"The profile {name!r} has no GPU of the kind {asked.gpu_type!r}.",
            remedy="Leave out one of `profile` and `gpu_type`: each says where the run goes.",
        )
    if of_vendor and profile.gpu_resource and of_vendor != profile.gpu_resource:
        raise Invalid(
            f"The GPUs of the profile {name!r} are {profile.gpu_resource}, not {asked.gpu_type}.",
            remedy="Leave out one of `profile` and `gpu_type`: each says where the run goes.",
        )
    return profile.gpu_resource or of_vendor or USUAL_GPU


def _remedy(name: str, known: Mapping[str, object], none: str) -> str:
    if not known:
        return none
    near = nearest_names(name, tuple(known), 1)
    return f"Did you mean {near[0]}?" if near else f"It has: {', '.join(sorted(known))}."
