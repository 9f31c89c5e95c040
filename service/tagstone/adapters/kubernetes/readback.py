"""What a server made of what it was sent: older ones drop fields that they do not know, webhooks change and add some, all in silence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagstone.domain.runs.quantity import parse_quantity
from tagstone.domain.runs.sight import RUN
from tagstone.errors import Invalid

DISPENSABLE = ("spec.podFailurePolicy", "spec.ttlSecondsAfterFinished")
"""Fields that a server may not know: we apply the same rules to failures ourselves, and remove Jobs ourselves."""

_ADDED = ("tolerations", "volumes", "volumeMounts", "env", "containers", "initContainers", "imagePullSecrets")
"""Lists that clusters add to on their own, such as tolerations of nodes that are not ready; what we sent has to be among them."""

_SHARED = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
_HELD: Mapping[str, tuple[Any, ...]] = {
    "privileged": (None, False),
    "allowPrivilegeEscalation": (None, False),
    "runAsNonRoot": (None, True),
    "procMount": (None, "", "Default"),
}
"""What a container may be given besides what it was sent with; user and group may be any but root's."""


def differences(sent: Any, kept: Any, path: str = "") -> tuple[str, ...]:
    """The paths of all that was sent and is not there, or is there with another value; what was added is no difference."""
    return tuple(_differences(sent, kept, path))


def essential(found: Sequence[str]) -> tuple[str, ...]:
    """Those of the differences that a run cannot do without."""
    return tuple(path for path in found if not path.startswith(DISPENSABLE))


def loosened(sent: Mapping[str, Any], kept: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of what was added to a Job or pod, and sets free what is to be held; what was sent so is none of it."""
    inside = ("spec", "template", "spec") if "template" in (kept.get("spec") or {}) else ("spec",)
    asked, pod = _at(sent, inside), _at(kept, inside)
    return tuple(f"{'.'.join(inside)}.{path}" for path in _loosened(asked, pod))


def _loosened(asked: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in _SHARED if pod.get(name))
    if pod.get("serviceAccountName") not in (None, "", "default"):
        yield "serviceAccountName"
    yield from (f"volumes[{one['name']}].hostPath" for one in pod.get("volumes") or () if one.get("hostPath"))
    yield from (f"securityContext.{name}" for name in _freed(_at(asked, ("securityContext",)), _at(pod, ("securityContext",))))
    for kind in ("initContainers", "containers"):
        ours = {one["name"]: one for one in asked.get(kind) or ()}
        for one in pod.get(kind) or ():
            mine, path = ours.get(one["name"], {}), f"{kind}[{one['name']}]"
            freed = _freed(_at(mine, ("securityContext",)), _at(one, ("securityContext",)))
            yield from (f"{path}.securityContext.{name}" for name in freed)
            if one.get("volumeDevices"):
                yield f"{path}.volumeDevices"
            if one["name"] == RUN:
                known = {mount["mountPath"] for mount in mine.get("volumeMounts") or ()}
                more = [mount["mountPath"] for mount in one.get("volumeMounts") or () if mount["mountPath"] not in known]
                yield from (f"{path}.volumeMounts[{place}]" for place in more)


def _freed(asked: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[str]:
    """What a security context takes back. Who was sent without seccomp, as builds are, may be without AppArmor too: it was said elsewhere."""
    yield from (name for name, fine in _HELD.items() if said.get(name) not in (*fine, asked.get(name)))
    yield from (name for name in ("runAsUser", "runAsGroup", "fsGroup") if said.get(name) == 0)
    if 0 in (said.get("supplementalGroups") or ()):
        yield "supplementalGroups"
    if set(_at(said, ("capabilities",)).get("add") or ()) - set(_at(asked, ("capabilities",)).get("add") or ()):
        yield "capabilities.add"
    if _at(asked, ("seccompProfile",)).get("type") != "Unconfined":
        profiles = ("seccompProfile", "appArmorProfile")
        yield from (f"{name}.type" for name in profiles if _at(said, (name,)).get("type") == "Unconfined")


def _at(document: Mapping[str, Any], path: Sequence[str]) -> Mapping[str, Any]:
    """A part of it; empty where it is not there."""
    for name in path:
        document = document.get(name) or {}
    return document


def _differences(sent: Any, kept: Any, path: str) -> Iterator[str]:
    if isinstance(sent, Mapping):
        if not isinstance(kept, Mapping):
            if sent:
                yield path
            return
        for name, value in sent.items():
            yield from _differences(value, kept.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(sent, list):
        yield from _of_list(sent, kept if isinstance(kept, list) else [], path)
    elif not _equal(sent, kept):
        yield path


def _of_list(sent: list[Any], kept: list[Any], path: str) -> Iterator[str]:
    """Named parts are compared by their names, other lists as a whole: the order of words in a command means something."""
    if path.rpartition(".")[2] in _ADDED:
        for one in sent:
            name = one.get("name") or one.get("mountPath") or one.get("key") or ""
            others = [other for other in kept if not differences(_identity(one), other)]
            if not others:
                yield f"{path}[{name}]"
            else:
                yield from _differences(one, others[0], f"{path}[{name}]")
    elif len(sent) != len(kept):
        yield path
    else:
        for number, (one, other) in enumerate(zip(sent, kept, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")


def _identity(one: Mapping[str, Any]) -> dict[str, Any]:
    """By what a part of a list is found again."""
    if "mountPath" in one:
        return {"mountPath": one["mountPath"]}
    return {"name": one["name"]} if "name" in one else dict(one)


def _equal(sent: Any, kept: Any) -> bool:
    """Equal as the server understands it: it writes amounts in its own way, and leaves out empty texts.

    A false that is left out is none: of a token to be mounted, to say nothing means yes.
    """
    if sent == kept or (kept is None and sent == ""):
        return True
    if not isinstance(sent, str) or not isinstance(kept, str):
        return False
    try:
        return abs(parse_quantity(sent) - parse_quantity(kept)) < 1e-6
    except Invalid:
        return False
