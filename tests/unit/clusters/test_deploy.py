"""What deploy/ says: valid for every current release, restricted, and no secret, address or setting that nothing knows in it."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it brings no types
from kubernetes_validate.utils import all_versions, schema_contents
from referencing import Registry, Resource

from fakes.kubernetes.pod_security import containers, violations
from tagstone.settings import Settings
from tagstone_webhooks.settings import ReceiverSettings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
BUDGETS_ARE_STABLE = (1, 21)
OVERLAYS = ("builds", "external", "postgres")


def documents(folder: Path) -> Iterator[dict[str, Any]]:
    """All that a kustomization names, and what those name that it stands on."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    for below in kustomization.get("bases", []):
        yield from documents((folder / below).resolve())
    for name in kustomization.get("resources", []):
        yield from yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))
    for made in kustomization.get("configMapGenerator", []):
        data = dict(literal.split("=", 1) for literal in made["literals"])
        about = {"name": made["name"], "namespace": made["namespace"]}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}


OBJECTS = {overlay: list(documents(KUBERNETES / "overlays" / overlay)) for overlay in OVERLAYS}
ALL = OBJECTS["postgres"]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [one for one in ALL if one["kind"] in kinds]


def pods() -> dict[str, dict[str, Any]]:
    """The specs of all pods, by who makes them."""
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in of_kind("Deployment", "StatefulSet", "Job")}


RELEASES = [
    release for release in dict.fromkeys(all_versions()) if tuple(map(int, release.split(".")[:2])) >= BUDGETS_ARE_STABLE
]
PODS = pods()


TREES = {
    tree: list(documents(KUBERNETES / tree)) for tree in ("builds", "nodes", "runs", *(f"overlays/{one}" for one in OVERLAYS))
}
EVERYTHING = {json.dumps(one, sort_keys=True): one for tree in TREES.values() for one in tree}


@cache
def definitions(release: str) -> Registry:  # what kubernetes_validate.validate reads anew for each object
    """The parts that all schemas of a release share."""
    held = schema_contents(f"kubernetes-json-schema/v{release}-local-strict/_definitions.json", release)
    return Resource.from_contents(held) @ Registry()


def faults(document: dict[str, Any], release: str) -> list[str]:
    """What this release would not take, or not know."""
    group, _, version = document["apiVersion"].rpartition("/")
    name = "-".join(part for part in (document["kind"].lower(), group.partition(".")[0], version) if part)
    schema = schema_contents(f"kubernetes-json-schema/v{release}-local-strict/{name}.json", release)
    registry = Resource.from_contents(schema) @ definitions(release)
    return [error.message for error in Draft202012Validator(schema, registry=registry).iter_errors(document)]


def test_no_file_is_left_out() -> None:
    written = {
        json.dumps(one, sort_keys=True)
        for file in KUBERNETES.rglob("*.yaml")
        if file.name != "kustomization.yaml"
        for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    }
    assert written <= EVERYTHING.keys()
    assert all(one in ALL for one in OBJECTS["external"])


@pytest.mark.parametrize("release", RELEASES)
def test_every_object_is_valid(release: str) -> None:
    assert {name: found for name, one in EVERYTHING.items() if (found := faults(one, release))} == {}
    assert faults({**ALL[0], "nothing": {}}, release)


def test_what_is_found_is_what_the_validator_finds() -> None:
    for document in TREES["builds"]:
        kubernetes_validate.validate(document, RELEASES[-1], strict=True)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**document, "nothing": {}}, RELEASES[-1], strict=True)
        assert faults({**document, "nothing": {}}, RELEASES[-1])


def policy(tree: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in TREES[tree] if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == name]
    return dict(found["spec"])


def namespaces(labels: dict[str, Any]) -> set[str]:
    """The namespaces that a selector takes; clusters before 1.21 put no labels of theirs on them."""
    wanted = {key: [value] for key, value in labels.get("matchLabels", {}).items()}
    wanted |= {one["key"]: one["values"] for one in labels.get("matchExpressions", []) if one["operator"] == "In"}
    about = [one["metadata"] for one in EVERYTHING.values() if one["kind"] == "Namespace"]
    return {one["name"] for one in about if all(one.get("labels", {}).get(key) in values for key, values in wanted.items())}


def test_the_desk_lets_in_the_pods_of_runs_and_builds_alone() -> None:
    (rule,) = policy("overlays/postgres", "tagstone-desk")["ingress"]
    (peer,) = rule["from"]
    assert namespaces(peer["namespaceSelector"]) == {"tagstone-runs", "tagstone-builds"}
    assert peer["podSelector"] == {"matchLabels": {"app.kubernetes.io/managed-by": "tagstone"}}
    assert rule["ports"] == [{"protocol": "TCP", "port": 8622}]


@pytest.mark.parametrize(
    ("tree", "name"), [("overlays/postgres", "tagstone-runs-desk"), ("overlays/builds", "tagstone-builds-desk")]
)
def test_runs_and_builds_are_let_out_to_the_desk_and_to_names(tree: str, name: str) -> None:
    assert policy(tree, name) == policy("overlays/postgres", "tagstone-runs-desk")
    desk, names = policy(tree, name)["egress"]
    (peer,) = desk["to"]
    assert namespaces(peer["namespaceSelector"]) == {"tagstone"}
    worker = PODS["tagstone-worker"]["containers"][0]
    assert [one["port"] for one in desk["ports"]] == [one["containerPort"] for one in worker["ports"]]
    assert names["to"] == [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]
    assert {one["port"] for one in names["ports"]} == {53}


def test_no_policy_asks_for_a_label_that_older_clusters_do_not_write() -> None:
    assert "kubernetes.io/metadata.name" not in "".join(EVERYTHING)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_name_is_given_twice_and_every_object_has_its_namespace(overlay: str) -> None:
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in OBJECTS[overlay]]
    assert len(set(names)) == len(names)
    without = {kind for kind, namespace, _ in names if namespace is None}
    assert without == {"Namespace"}


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_restricted_with_a_read_only_root_and_bounds(name: str) -> None:
    assert list(violations(PODS[name])) == []
    for container in containers(PODS[name]):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert set(container["resources"]["requests"]) == set(container["resources"]["limits"])
    assert PODS[name]["enableServiceLinks"] is False


def test_the_worker_alone_speaks_to_the_cluster() -> None:
    accounts = {name: (spec["serviceAccountName"], spec["automountServiceAccountToken"]) for name, spec in PODS.items()}
    assert accounts.pop("tagstone-worker") == ("tagstone", True)
    assert set(accounts.values()) == {("tagstone-plain", False)}


def test_what_serves_is_probed_and_drained_one_at_a_time() -> None:
    budgets = [one["spec"]["selector"]["matchLabels"] for one in of_kind("PodDisruptionBudget")]
    for deployment in of_kind("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert deployment["spec"]["selector"]["matchLabels"] in budgets
        assert deployment["spec"]["replicas"] >= 2
    assert len(budgets) == 3


def test_all_that_uses_tables_waits_for_them() -> None:
    for deployment in of_kind("Deployment"):
        first, *_ = deployment["spec"]["template"]["spec"]["initContainers"]
        assert first["command"] == ["tagstone", "db", "wait"]


def test_no_pod_is_left_out_of_the_policies() -> None:
    policies = {
        one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy") if one["metadata"]["namespace"] == "tagstone"
    }
    assert policies["tagstone-nobody"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert not any(one == {} for spec in policies.values() for one in spec.get("ingress", []) + spec.get("egress", []))
    labels = {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] for one in of_kind("Deployment", "Job")
    }
    outside = policies["tagstone-outside"]["podSelector"]["matchExpressions"][0]["values"]
    assert set(policies["tagstone-database"]["podSelector"]["matchExpressions"][0]["values"]) == labels
    assert set(outside) == labels - {"receivers", "migrate"}


def test_secrets_are_named_and_none_is_here() -> None:
    assert of_kind("Secret") == []
    receivers = json.dumps(PODS["tagstone-receivers"])
    assert {"secretRef": {"name": "tagstone"}} not in PODS["tagstone-receivers"]["containers"][0]["envFrom"]
    assert '"name": "tagstone"' not in receivers.replace('"name": "tagstone-home"', "")


@pytest.mark.parametrize("name", ["tagstone", "tagstone-receivers"])
def test_settings_are_ones_that_the_processes_know(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = [one["data"] for one in of_kind("ConfigMap") if one["metadata"]["name"] == name]
    site = {
        "TAGSTONE_CLUSTERS__HERE__HELPER": f"registry.example.org/pod@sha256:{'0' * 64}",
        "TAGSTONE_DATABASE__URL": "postgresql+psycopg://nobody@example.org/x",
    }
    for variable, value in {**found, **site}.items():
        monkeypatch.setenv(variable, value)
    if name == "tagstone":
        settings = Settings(_site=None)
        assert settings.runs.engine == settings.runs.registered == "kubernetes"
        assert settings.clusters["here"].kubeconfig is None
    else:
        assert ReceiverSettings(_site=None).receiving.port == 8621


def test_ports_are_those_that_processes_listen_at() -> None:
    settings = Settings(_site=None)
    listening = {
        "pages": settings.serving.port,
        "worker": settings.desk.port,
        "receivers": ReceiverSettings(_site=None).receiving.port,
    }
    for name, port in listening.items():
        (container,) = PODS[f"tagstone-{name}"]["containers"]
        assert [one["containerPort"] for one in container["ports"]] == [port]


COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yml").read_text(encoding="utf-8"))


def test_the_compose_file_is_one() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8"))
    held = Draft202012Validator(schema)
    assert [error.message for error in held.iter_errors(COMPOSE)] == []
    assert list(held.iter_errors(COMPOSE | {"nothing": {}}))


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_process_of_one_machine_may_more_than_it_needs(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    published = [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
    assert published == []


def test_the_receivers_of_one_machine_hold_nothing_but_their_own() -> None:
    receivers = COMPOSE["services"]["receivers"]
    assert receivers["env_file"] == ["receivers.env"]
    assert "volumes" not in receivers
