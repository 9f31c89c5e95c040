"""What the API server does to an object before it keeps it: drops fields its release does not know, in silence, and fills in defaults."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fakes.kubernetes.quantities import canonical
from fakes.kubernetes.state import Json, Resource

_OLDEST_SCHEMA = (1, 25)

_SINCE: dict[str, dict[str, tuple[int, int]]] = {
    "JobSpec": {"suspend": (1, 21), "completionMode": (1, 21), "podFailurePolicy": (1, 25)},
    "PodSpec": {"os": (1, 23), "hostUsers": (1, 25)},
    "Probe": {"terminationGracePeriodSeconds": (1, 21)},
}
"""Fields that came between 1.20 and 1.25, of those that runs may have [doc: API reference of each release]."""


def pruned(resource: Resource, document: Json, release: tuple[int, int]) -> Json:
    """The object without the fields that this release has not: it drops them and says nothing [doc: API conventions]."""
    definitions = _definitions(max(release, _OLDEST_SCHEMA))
    name = next(name for name in definitions if _is_kind(definitions[name], resource))
    kept: Json = _prune(document, name, definitions, release)
    return kept


@cache
def _definitions(release: tuple[int, int]) -> dict[str, Json]:
    place = f"kubernetes-json-schema/v{release[0]}.{release[1]}.0-local/_definitions.json"
    loaded: dict[str, Json] = json.loads((files("kubernetes_validate") / place).read_text())["$defs"]
    return loaded


def _is_kind(definition: Json, resource: Resource) -> bool:
    named = {"group": resource.group, "kind": resource.kind, "version": "v1"}
    return named in definition.get("x-kubernetes-group-version-kind", [])


def _prune(value: Any, name: str, definitions: dict[str, Json], release: tuple[int, int]) -> Any:
    properties = definitions[name].get("properties")
    if not isinstance(value, dict) or properties is None:
        return value
    since = _SINCE.get(name.rpartition(".")[2], {})
    known = {key for key in properties if since.get(key, (0, 0)) <= release}
    return {
        key: _prune_member(one, properties[key], definitions, release)
        for key, one in value.items()
        if key in known and one is not None
    }


def _prune_member(value: Any, schema: Json, definitions: dict[str, Json], release: tuple[int, int]) -> Any:
    if isinstance(value, list) and "items" in schema:
        return [_prune_member(one, schema["items"], definitions, release) for one in value]
    if isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        return {key: _prune_member(one, schema["additionalProperties"], definitions, release) for key, one in value.items()}
    reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf", []) if "$ref" in one), "")
    name = reference.rpartition("/")[2]
    if name.endswith(".Quantity"):
        return canonical(value)
    return _prune(value, name, definitions, release) if name else value


def fill_in_job(job: Json, release: tuple[int, int]) -> None:
    """What a Job has when nothing was said [src: apis/batch/v1/defaults.go, registry/batch/job/strategy.go]."""
    spec, uid = job["spec"], job["metadata"]["uid"]
    spec.setdefault("parallelism", 1)
    spec.setdefault("completions", 1)
    spec.setdefault("backoffLimit", 6)
    if release >= (1, 21):
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
    spec["selector"] = {"matchLabels": {"controller-uid": uid}}
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels.update({"controller-uid": uid, "job-name": job["metadata"]["name"]})
    if release >= (1, 27):
        labels.update({"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": job["metadata"]["name"]})
    job["metadata"].setdefault("labels", dict(labels))
    job["metadata"]["generation"] = 1
    job.setdefault("status", {})
    fill_in_pod(spec["template"]["spec"])


def fill_in_pod(spec: Json) -> None:
    """What a pod has when nothing was said [src: apis/core/v1/defaults.go]."""
    for name, usual in (
        ("restartPolicy", "Always"),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
        ("terminationGracePeriodSeconds", 30),
        ("securityContext", {}),
    ):
        spec.setdefault(name, usual)
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "IfNotPresent" if "@" in container["image"] else "Always")
        resources = container.setdefault("resources", {})
        if "limits" in resources:
            resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    for volume in spec.get("volumes", []):
        if "secret" in volume:
            volume["secret"].setdefault("defaultMode", 0o644)
