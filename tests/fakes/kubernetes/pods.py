"""What a container is started with: its command, variables and user, from its pod's spec and its image."""

import base64
import re
from collections.abc import Mapping

from fakes.kubernetes.containers import Image
from fakes.kubernetes.quantities import amount
from fakes.kubernetes.state import Json, World

_REFERENCE = re.compile(r"(?P<name>[a-z0-9.:/_-]+?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?")
_EXPANDED = re.compile(r"\$(?:\$|\((?P<name>[^()]*)\))")
_SERVICE = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_SERVICE_PORT_HTTPS": "443",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
    "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
    "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
    "KUBERNETES_PORT_443_TCP_PORT": "443",
    "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
}
"""What every container is given, whatever `enableServiceLinks` says [src: kubelet_pods.go getServiceEnvVarMap]."""


class CannotStart(Exception):
    """Why a container waits, in the kubelet's words; `event` is the reason of the event that tells it."""

    def __init__(self, reason: str, message: str, event: str = "Failed") -> None:
        super().__init__(message)
        self.reason, self.message, self.event = reason, message, event


def reference_of(written: str) -> str:
    """An image's reference: the name with its digest, where it has both. Raises: CannotStart."""
    found = _REFERENCE.fullmatch(written)
    if found is None:
        message = f'Failed to apply default image tag "{written}": couldn\'t parse image reference "{written}": invalid reference format'
        raise CannotStart("InvalidImageName", message, "InspectFailed")
    return written


def variables(world: World, pod: Json, container: Json, image: Image) -> dict[str, str]:
    """A container's environment: the image's, the cluster's, then the pod's, where later ones may name earlier ones."""
    env = {**image.env, "HOSTNAME": pod["spec"].get("hostname", pod["metadata"]["name"]), **_SERVICE}
    said: dict[str, str] = {}
    for one in container.get("env", []):
        if "valueFrom" in one:
            said[one["name"]] = _looked_up(world, pod, one["valueFrom"], container)
        else:
            said[one["name"]] = expanded(one.get("value", ""), said)
    return {**env, **said}


def _looked_up(world: World, pod: Json, source: Json, container: Json) -> str:
    namespace = pod["metadata"]["namespace"]
    if "fieldRef" in source:
        at: object = pod
        for name in source["fieldRef"]["fieldPath"].split("."):
            at = at[name] if isinstance(at, dict) else None
        return str(at)
    if "resourceFieldRef" in source:
        kind, _, what = source["resourceFieldRef"]["resource"].partition(".")
        return str(int(amount(container["resources"][kind][what])))
    reference = source["secretKeyRef"]
    secret = world.find("secrets", namespace, reference["name"])
    if secret is None:
        raise CannotStart("CreateContainerConfigError", f'secret "{reference["name"]}" not found')
    if reference["key"] not in secret.get("data", {}):
        raise CannotStart(
            "CreateContainerConfigError", f"couldn't find key {reference['key']} in Secret {namespace}/{reference['name']}"
        )
    return base64.b64decode(secret["data"][reference["key"]]).decode()


def command(container: Json, env: Mapping[str, str]) -> list[str]:
    """The command line; without `command` it would be the image's own, which these images have not."""
    return [expanded(one, env) for one in [*container["command"], *container.get("args", [])]]


def expanded(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` is a variable where there is one, `$$` a dollar [src: third_party/forked/golang/expansion]."""

    def value(found: re.Match[str]) -> str:
        return "$" if found["name"] is None else env.get(found["name"], found[0])

    return _EXPANDED.sub(value, text)


def ids(pod: Json, container: Json, image: Image) -> tuple[int, int]:
    """User and group. Raises: CannotStart for root, where that was ruled out."""
    security = {**pod["spec"]["securityContext"], **container.get("securityContext", {})}
    user = security.get("runAsUser", int(image.user) if image.user.isdigit() else 0)
    if security.get("runAsNonRoot") and user == 0:
        raise CannotStart("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")
    return user, security.get("runAsGroup", 0)


def limits(container: Json) -> dict[str, str]:
    """The files of a container's cgroup (version 2): its limits, and that it has used next to nothing."""
    given = container.get("resources", {}).get("limits", {})
    cores = f"{int(amount(given['cpu']) * 100_000)} 100000" if "cpu" in given else "max 100000"
    return {
        "memory.max": str(int(amount(given["memory"]))) if "memory" in given else "max",
        "memory.current": "1048576\n",
        "memory.peak": "1048576\n",
        "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n",
        "cpu.max": cores + "\n",
        "cpu.stat": "usage_usec 1000\nuser_usec 500\nsystem_usec 500\n",
        "cgroup.controllers": "cpu memory\n",
    }
