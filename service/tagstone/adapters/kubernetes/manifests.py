"""What a run is asked for in a cluster's words: the Secret with its token, and the Job with its one pod.

Every field here is read back from what the server made of it (`readback`): older servers drop what they do not know in silence.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tagstone.domain.runs.placement import CPU, DISK, MEMORY, Placement, Toleration, beside_volume
from tagstone.domain.runs.quantity import write_cores
from tagstone.domain.runs.run import TEMPORARY, TEMPORARY_PLACES, USER, RunSpec
from tagstone.domain.runs.sight import KEEPER, RUN, STAGE

MANAGED, RUN_LABEL, INSTALLATION, NETWORK = (
    "app.kubernetes.io/managed-by",
    "org.tagstone.run",
    "org.tagstone.installation",
    "org.tagstone.network",
)
TURN = "org.tagstone.turn"
QUEUE = "kueue.x-k8s.io/queue-name"
OURS = "tagstone"

TOOLS, CONTROL, OWN, DESK, WORKSPACE = (f"/tagstone/{name}" for name in ("tools", "control", "own", "desk", "workspace"))
VOLUME = "/tagstone/volume"
"""Where our own containers have the volume that runs share, to make the run's folder there and to remove it."""
STORAGE = "/tagstone/storage"
"""Where a build has its images; no container of ours looks into it."""

BUSYBOX, HOLD = f"{TOOLS}/busybox", f"{TOOLS}/hold.sh"
OVERHEAD: Mapping[str, float] = {CPU: 0.1, MEMORY: 128 * 2**20, DISK: 256 * 2**20}
"""What the keeper asks for on top of the run: cores, bytes, bytes. It may use a whole core while it sends outputs."""

NOBODY: Mapping[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Who all containers of a pod are."""

_KEEPER_CORES = 1.0
# An annotation, which every release heeds; the field came with 1.30. Nodes without AppArmor take it for what it says.
_UNARMOURED = {f"container.apparmor.security.beta.kubernetes.io/{RUN}": "unconfined"}
_SMALL = 64 * 2**20  # bytes of the folders that hold our own programs and notes
_SLACK = 128 * 2**20  # bytes that a workspace may pass its limit by before the cluster steps in, since the keeper does first


@dataclass(frozen=True)
class Site:
    """What of the cluster's settings enters a Job; addresses and images as its pods see them, times in seconds.

    Where Jobs are `building` images, the author's container may make user namespaces; the namespace is another one than that of runs.
    """

    namespace: str
    desk: str
    helper: str
    registry: str
    ca: str = ""
    pull_secret: str | None = None
    queue: str | None = None
    claim: str | None = None
    collection: float = 7200.0
    keep: int = 86_400
    grace: int = 10
    log_limit: int = 64 * 2**20
    building: bool = False


@dataclass(frozen=True)
class Order:
    """One run as it is handed to a cluster: `argv` begins with the image's ENTRYPOINT, `turn` tells one handing out from the next.

    `publication` is the address of its page.
    """

    key: str
    name: str
    turn: str
    installation: str
    publication: str
    argv: tuple[str, ...]
    spec: RunSpec
    placement: Placement
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """By which it is found: by us, by NetworkPolicies, by queues."""
        return {
            MANAGED: OURS,
            INSTALLATION: self.installation,
            RUN_LABEL: self.key,
            NETWORK: self.placement.network if self.spec.network else "none",
            **self.extra,
        }

    @property
    def annotations(self) -> dict[str, str]:
        """What leads people back to the publication, and us to this turn."""
        return {"org.tagstone.publication": self.publication, TURN: self.turn}


def secret(order: Order, token: str, site: Site) -> dict[str, Any]:
    """The token of the run's own containers, good for this run only; in no variable, and never where the author's code is."""
    held = {"token": token} | ({"ca.crt": site.ca} if site.ca else {})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": order.name, "namespace": site.namespace, "labels": order.labels, "annotations": order.annotations},
        "type": "Opaque",
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in held.items()},
    }


def owned_by(name: str, uid: str) -> dict[str, Any]:
    """The part of an object that has it removed with its Job."""
    return {"metadata": {"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}]}}


def job(order: Order, site: Site) -> dict[str, Any]:
    """The Job: one pod, tried once; a disruption is not the author's failure, and every other end is one."""
    queue = order.placement.queue or site.queue
    labels = order.labels | ({QUEUE: queue} if queue else {})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": order.name,
            "namespace": site.namespace,
            "labels": labels,
            "annotations": order.annotations,
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "ttlSecondsAfterFinished": site.keep,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": RUN, "operator": "NotIn", "values": [0]},
                        "onPodConditions": [],  # the schemas of 1.25 to 1.28 want it beside, empty
                    },
                ]
            },
            "template": {
                "metadata": {"labels": order.labels, "annotations": order.annotations | (_UNARMOURED if site.building else {})},
                "spec": _pod(order, site),
            },
        },
    }


def _pod(order: Order, site: Site) -> dict[str, Any]:
    spec, placement = order.spec, order.placement
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        # A backstop, since the keeper holds the time: on the pod, so that its logs stay.
        "activeDeadlineSeconds": int(spec.resources.time + site.collection),
        "terminationGracePeriodSeconds": site.grace,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": "tagstone",
        # On what outlives the pod files have their group already, and may be many.
        "securityContext": {**NOBODY, **({"fsGroupChangePolicy": "OnRootMismatch"} if site.claim else {})},
        "initContainers": [_stage(order, site)],
        "containers": [_run(order, site), _keeper(order, site)],
        "volumes": _volumes(order, site),
    }
    optional = {
        "nodeSelector": dict(placement.node_selector),
        "tolerations": [_toleration(one) for one in placement.tolerations],
        "runtimeClassName": placement.runtime_class,
        "priorityClassName": placement.priority_class,
        "imagePullSecrets": [{"name": site.pull_secret}] if site.pull_secret else None,
    }
    return pod | {name: value for name, value in optional.items() if value}


def _stage(order: Order, site: Site) -> dict[str, Any]:
    # It is over before the run begins, so it may have what the run will have.
    claims = order.placement.claims
    memory = max(OVERHEAD[MEMORY], min(claims.get(MEMORY, 0.0), 2**30))
    limits = {CPU: max(OVERHEAD[CPU], claims.get(CPU, 0.0)), MEMORY: memory, DISK: OVERHEAD[DISK]}
    return _own(STAGE, "stage", order, site) | {"resources": {"requests": _written(limits), "limits": _written(limits)}}


def _keeper(order: Order, site: Site) -> dict[str, Any]:
    requests = dict(OVERHEAD) | {DISK: OVERHEAD[DISK] + site.log_limit}
    limits = requests | {CPU: _KEEPER_CORES}
    return _own(KEEPER, "keep", order, site) | {"resources": {"requests": _written(requests), "limits": _written(limits)}}


def _own(name: str, program: str, order: Order, site: Site) -> dict[str, Any]:
    """A container of ours: the helper image, the token, every folder."""
    env: list[dict[str, Any]] = [
        {"name": "TAGSTONE_DESK", "value": _literal(f"{site.desk.rstrip('/')}/{order.key}")},
        {"name": "TAGSTONE_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
    ]
    if site.ca:
        env.append({"name": "TAGSTONE_CA", "value": f"{DESK}/ca.crt"})
    if site.claim:
        # Made by its user: what a kubelet makes for a `subPath` is root's.
        env += [
            {"name": "TAGSTONE_WORKSPACE", "value": f"{VOLUME}/{order.name}"},
            {"name": "TAGSTONE_LASTING", "value": "true"},
        ]
    return {
        "name": name,
        "image": site.helper,
        "command": ["python3", "-m", "tagstone.pod", program],
        "env": env,
        "securityContext": confined(),
        "volumeMounts": [
            {"name": "workspace", "mountPath": VOLUME if site.claim else WORKSPACE},
            {"name": "tools", "mountPath": TOOLS},
            {"name": "control", "mountPath": CONTROL},
            {"name": "own", "mountPath": OWN},
            {"name": "desk", "mountPath": DESK, "readOnly": True},
        ],
    }


def _run(order: Order, site: Site) -> dict[str, Any]:
    """The author's container: the image by digest, the workspace, and nothing of ours but what holds its command."""
    spec = order.spec
    claims = _written((beside_volume(order.placement) if site.claim else order.placement).claims)
    prefix = f"{site.registry}/" if site.registry else ""
    return {
        "name": RUN,
        "image": f"{prefix}{spec.image}",
        "command": [BUSYBOX, "sh", HOLD, spec.umask, "--", *(_literal(word) for word in order.argv)],
        "workingDir": spec.place,
        "env": [{"name": name, "value": _literal(value)} for name, value in sorted(spec.variables.items())],
        "resources": {"requests": claims, "limits": claims},
        "securityContext": _building() if site.building else confined(),
        "volumeMounts": [
            _workspace(order, site, spec.place),
            *(_workspace(order, site, place, TEMPORARY) for place in TEMPORARY_PLACES),
            {"name": "tools", "mountPath": TOOLS, "readOnly": True},
            {"name": "control", "mountPath": CONTROL},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - inside the container
            *([{"name": "storage", "mountPath": STORAGE}] if site.building else ()),
        ],
    }


def _volumes(order: Order, site: Site) -> list[dict[str, Any]]:
    asked = order.spec.resources
    own = _SMALL + site.log_limit
    workspace: dict[str, Any] = {"emptyDir": {"sizeLimit": str(asked.disk + _SLACK)}}
    if site.claim:
        workspace = {"persistentVolumeClaim": {"claimName": site.claim}}
    return [
        {"name": "workspace", **workspace},
        {"name": "tools", "emptyDir": {"sizeLimit": str(_SMALL)}},
        {"name": "control", "emptyDir": {"sizeLimit": str(_SMALL)}},
        {"name": "own", "emptyDir": {"sizeLimit": str(own)}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(asked.memory)}},
        {"name": "desk", "secret": {"secretName": order.name, "defaultMode": 0o440}},
        *([{"name": "storage", "emptyDir": {"sizeLimit": str(asked.disk + _SLACK)}}] if site.building else ()),
    ]


def _workspace(order: Order, site: Site, at: str, below: str = "") -> dict[str, Any]:
    """The author's workspace, or a folder of it, at a place; on a volume that runs share each has a folder of its own."""
    parts = [part for part in (order.name if site.claim else "", below) if part]
    return {"name": "workspace", "mountPath": at} | ({"subPath": "/".join(parts)} if parts else {})


def confined() -> dict[str, Any]:
    """What holds every container."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def _building() -> dict[str, Any]:
    """What holds a build's container: it makes a user namespace, and with two programs of its image maps ids into it.

    The two capabilities are nobody's but those programs': the container's own user has none.
    """
    return confined() | {
        "allowPrivilegeEscalation": True,
        "capabilities": {"drop": ["ALL"], "add": ["SETGID", "SETUID"]},
        "seccompProfile": {"type": "Unconfined"},
    }


def _toleration(one: Toleration) -> dict[str, str]:
    said = {"key": one.key, "value": one.value, "effect": one.effect, "operator": "Equal" if one.value else "Exists"}
    return {name: value for name, value in said.items() if value}


def _written(claims: Mapping[str, float]) -> dict[str, str]:
    return {name: write_cores(amount) if name == CPU else str(round(amount)) for name, amount in claims.items()}


def _literal(text: str) -> str:
    """Text that the kubelet leaves as it is: it takes `$(NAME)` for a variable."""
    return text.replace("$", "$$")
