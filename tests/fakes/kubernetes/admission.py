"""What the API server refuses: objects that cannot be, quotas, ranges, Pod Security, and what webhooks deny."""

import re
from collections.abc import Iterator
from decimal import Decimal

from fakes.kubernetes.calls import Refused, invalid
from fakes.kubernetes.pod_security import containers, violations
from fakes.kubernetes.quantities import amount, canonical
from fakes.kubernetes.state import RESOURCES, Json, Resource, World

_LABEL_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_JOBS, _PODS = RESOURCES["jobs"], RESOURCES["pods"]
_ENFORCE = "pod-security.kubernetes.io/enforce"


def check(resource: Resource, document: Json) -> None:
    """What an object must be [src: apis/*/validation]. Raises: Refused with 422."""
    meta = document["metadata"]
    name = str(meta.get("name") or "")
    limit, shape = (63, _LABEL_NAME) if resource is _JOBS else (253, _SUBDOMAIN)
    if len(name) > limit or not shape.fullmatch(name):
        raise invalid(resource, name, f'metadata.name: Invalid value: "{name}": must be a lowercase RFC 1123 name')
    _check_labels(resource, name, meta)
    if resource is _JOBS:
        _check_labels(resource, name, document["spec"]["template"].get("metadata") or {})
        _check_job(name, document["spec"])
    if resource is _PODS:
        _check_pod(resource, name, document["spec"])


def _check_labels(resource: Resource, name: str, meta: Json) -> None:
    for key, value in (meta.get("labels") or {}).items():
        if not _LABEL_KEY.fullmatch(key) or len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            raise invalid(resource, name, f'metadata.labels: Invalid value: "{value}": a valid label must be …')
    for key, value in (meta.get("annotations") or {}).items():
        if not _LABEL_KEY.fullmatch(key) or not isinstance(value, str):
            raise invalid(resource, name, f'metadata.annotations: Invalid value: "{key}": a qualified name must …')


def _check_job(name: str, spec: Json) -> None:
    pod = spec["template"]["spec"]
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        raise invalid(_JOBS, name, 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"')
    if "podFailurePolicy" in spec and pod["restartPolicy"] != "Never":
        raise invalid(_JOBS, name, "spec.podFailurePolicy: only supported when template's restart policy is Never")
    for rule in (spec.get("podFailurePolicy") or {}).get("rules", []):
        _check_rule(name, rule, {container["name"] for container in containers(pod)})
    for key in ("activeDeadlineSeconds", "ttlSecondsAfterFinished", "backoffLimit"):
        if spec.get(key, 0) < 0:
            raise invalid(_JOBS, name, f"spec.{key}: Invalid value: must be greater than or equal to 0")
    _check_pod(_JOBS, name, pod)


def _check_rule(name: str, rule: Json, names: set[str]) -> None:
    if rule.get("action") not in ("FailJob", "Ignore", "Count", "FailIndex"):
        raise invalid(_JOBS, name, "spec.podFailurePolicy.rules.action: Unsupported value")
    if bool(rule.get("onExitCodes")) == bool(rule.get("onPodConditions")):
        raise invalid(_JOBS, name, "spec.podFailurePolicy.rules: specify exactly one of onExitCodes and onPodConditions")
    codes = rule.get("onExitCodes")
    if codes and codes.get("containerName", next(iter(names))) not in names:
        raise invalid(_JOBS, name, "spec.podFailurePolicy.rules.onExitCodes.containerName: must be one of the containers")
    if codes and codes["operator"] == "In" and 0 in codes["values"]:
        raise invalid(_JOBS, name, "spec.podFailurePolicy.rules.onExitCodes.values: must not be 0 for the In operator")
    if codes and codes["values"] != sorted(set(codes["values"])):
        raise invalid(_JOBS, name, "spec.podFailurePolicy.rules.onExitCodes.values: must be ordered and unique")


def _check_pod(resource: Resource, name: str, spec: Json) -> None:
    all_of = containers(spec)
    names = [container["name"] for container in all_of]
    if len(set(names)) != len(names) or not all(_LABEL_NAME.fullmatch(one) for one in names):
        raise invalid(resource, name, "spec.containers.name: names are unique DNS labels")
    volumes = [volume["name"] for volume in spec.get("volumes", [])]
    if len(set(volumes)) != len(volumes) or not all(_LABEL_NAME.fullmatch(one) for one in volumes):
        raise invalid(resource, name, "spec.volumes.name: names are unique DNS labels")
    for container in all_of:
        if not container.get("image", "").strip():
            raise invalid(resource, name, "spec.containers.image: Required value")
        mounts = container.get("volumeMounts") or []
        for mount in mounts:
            if mount["name"] not in volumes:
                raise invalid(resource, name, f'spec.containers.volumeMounts.name: Not found: "{mount["name"]}"')
        if len({mount["mountPath"] for mount in mounts}) != len(mounts):
            raise invalid(resource, name, "spec.containers.volumeMounts.mountPath: Invalid value: must be unique")
        _check_resources(resource, name, container.get("resources") or {})


def _check_resources(resource: Resource, name: str, resources: Json) -> None:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for what, asked in requests.items():
        if what in limits and amount(asked) > amount(limits[what]):
            raise invalid(resource, name, f"resources.requests: Invalid value: must be less than or equal to {what} limit")
        if "/" in what and limits.get(what) != asked:
            raise invalid(resource, name, f"resources.requests: Invalid value: must be equal to {what} limit of {asked}")
    for what in limits:
        if "/" in what and amount(limits[what]) % 1:
            raise invalid(resource, name, f"resources.limits[{what}]: Invalid value: must be an integer")


def admit(world: World, resource: Resource, document: Json, denials: dict[str, str]) -> None:
    """What admission says to an object that could be. Raises: Refused with 403."""
    meta = document["metadata"]
    space = world.find("namespaces", "", meta.get("namespace", "")) if resource.namespaced else None
    if resource.namespaced and space is None:
        raise Refused(404, f'namespaces "{meta.get("namespace")}" not found', kind="namespaces")
    if space is not None and space.get("status", {}).get("phase") == "Terminating":
        raise _forbidden(
            resource,
            meta["name"],
            f"unable to create new content in namespace {meta['namespace']} because it is being terminated",
        )
    if resource.plural in denials:
        raise Refused(403, f'admission webhook "policy.example.org" denied the request: {denials[resource.plural]}')
    if resource is _PODS:
        _admit_pod(world, document, (space or {}).get("metadata", {}).get("labels") or {})
    _admit_to_quotas(world, resource, document)


def _admit_pod(world: World, pod: Json, labels: Json) -> None:
    spec, name = pod["spec"], pod["metadata"]["name"]
    if "priorityClassName" in spec and world.find("priorityclasses", "", spec["priorityClassName"]) is None:
        raise _forbidden(_PODS, name, f"no PriorityClass with name {spec['priorityClassName']} was found")
    if "runtimeClassName" in spec and world.find("runtimeclasses", "", spec["runtimeClassName"]) is None:
        raise _forbidden(_PODS, name, f'pod rejected: RuntimeClass "{spec["runtimeClassName"]}" not found')
    broken = list(violations(spec)) if labels.get(_ENFORCE) == "restricted" else []
    if broken:
        raise _forbidden(_PODS, name, f'violates PodSecurity "restricted:latest": {", ".join(broken)}')
    for limits in world.all("limitranges", pod["metadata"]["namespace"]):
        for limit in limits["spec"]["limits"]:
            if limit["type"] == "Container":
                for container in spec["containers"] + spec.get("initContainers", []):
                    _admit_to_range(name, container, limit)


def _admit_to_range(name: str, container: Json, limit: Json) -> None:
    """Gives what is not said, and refuses what is out of range [src: plugin/pkg/admission/limitranger]."""
    resources = container.setdefault("resources", {})
    limits, requests = resources.setdefault("limits", {}), resources.setdefault("requests", {})
    for what, usual in limit.get("default", {}).items():
        limits.setdefault(what, canonical(usual))
    for what, usual in limit.get("defaultRequest", {}).items():
        requests.setdefault(what, canonical(usual))
    for what, most in limit.get("max", {}).items():
        if what not in limits or amount(limits[what]) > amount(most):
            raise _forbidden(
                _PODS, name, f"maximum {what} usage per Container is {most}, but limit is {limits.get(what, 'not set')}"
            )
    for what, least in limit.get("min", {}).items():
        if what not in requests or amount(requests[what]) < amount(least):
            raise _forbidden(
                _PODS, name, f"minimum {what} usage per Container is {least}, but request is {requests.get(what, 'not set')}"
            )


def _admit_to_quotas(world: World, resource: Resource, document: Json) -> None:
    name, namespace = document["metadata"]["name"], document["metadata"].get("namespace", "")
    for quota in world.all("resourcequotas", namespace):
        asked = dict(_charged(resource, document))
        hard = {what: amount(most) for what, most in quota["spec"].get("hard", {}).items()}
        if resource is _PODS:
            unsaid = [what for what in hard if what.partition(".")[0] in ("requests", "limits") and what not in asked]
            if unsaid and any("/" not in what for what in unsaid):
                raise _forbidden(
                    _PODS, name, f"failed quota: {quota['metadata']['name']}: must specify {','.join(sorted(unsaid))}"
                )
        used = _used(world, resource, namespace)
        over = [what for what, extra in asked.items() if what in hard and used.get(what, Decimal(0)) + extra > hard[what]]
        if over:
            said = {
                word: ",".join(f"{what}={canonical(str(of.get(what, Decimal(0))))}" for what in over)
                for word, of in (("requested", asked), ("used", used), ("limited", hard))
            }
            told = ", ".join(f"{word}: {what}" for word, what in said.items())
            raise _forbidden(resource, name, f"exceeded quota: {quota['metadata']['name']}, {told}")


def _used(world: World, resource: Resource, namespace: str) -> dict[str, Decimal]:
    used: dict[str, Decimal] = {}
    for other in world.all(resource.plural, namespace):
        if resource is not _PODS or other.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            for what, extra in _charged(resource, other):
                used[what] = used.get(what, Decimal(0)) + extra
    return used


def _charged(resource: Resource, document: Json) -> Iterator[tuple[str, Decimal]]:
    """What an object counts for, by the names of a quota [doc: resource quotas]."""
    yield f"count/{resource.qualified}", Decimal(1)
    if resource is not _PODS:
        return
    yield "pods", Decimal(1)
    for kind in ("requests", "limits"):
        for what, total in pod_total(document["spec"], kind).items():
            yield f"{kind}.{what}", total
            if kind == "requests" and "/" not in what:
                yield what, total


def pod_total(spec: Json, kind: str) -> dict[str, Decimal]:
    """What a pod asks for: the sum of its containers, or the most that one of the first containers asks for [doc: init containers]."""
    total: dict[str, Decimal] = {}
    for container in spec["containers"]:
        for what, asked in (container.get("resources") or {}).get(kind, {}).items():
            total[what] = total.get(what, Decimal(0)) + amount(asked)
    for container in spec.get("initContainers", []):
        for what, asked in (container.get("resources") or {}).get(kind, {}).items():
            total[what] = max(total.get(what, Decimal(0)), amount(asked))
    return total


def _forbidden(resource: Resource, name: str, why: str) -> Refused:
    return Refused(403, f'{resource.qualified} "{name}" is forbidden: {why}', name=name, kind=resource.plural)
