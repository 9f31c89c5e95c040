"""What deploy/kubernetes/runs lets the service do is enough, and with any one verb less that is not optional something breaks."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.rig import Bench, to_its_end
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.kubernetes.client import Cluster as Connection
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.handing_over import EVENTS, JOBS, PODS
from tagstone.adapters.kubernetes.policies import KIND, hold
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.runs.run import Outcome
from tagstone.errors import Forbidden

pytestmark = pytest.mark.kubernetes

DEPLOY = Path(__file__).resolve().parents[2] / "deploy/kubernetes/runs"
# What goes unsaid without them is in tests/unit/clusters/test_optional_rights.py.
OPTIONAL = {"resourcequotas", "limitranges"}
ROLE: dict[str, Any] = yaml.safe_load((DEPLOY / "role.yaml").read_text(encoding="utf-8"))
ACCOUNT = "tagstone"


def permissions() -> Iterator[tuple[str, str, str]]:
    for rule in ROLE["rules"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield rule["apiGroups"][0], resource, verb


NEEDED = sorted(permission for permission in permissions() if permission[1] not in OPTIONAL)


@pytest.fixture
def bench(cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path) -> Bench:
    """One whose runner speaks as the service's account, which may do nothing yet."""
    about = {"name": ACCOUNT, "namespace": namespace}
    subject = {"kind": "ServiceAccount", **about}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": about}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        {**binding, "roleRef": role, "subjects": [subject]},
    )
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(cluster.kubeconfig_of(namespace, ACCOUNT)), encoding="utf-8")
    return Bench(cluster, namespace, registry, helper, tmp_path, kubeconfig=kubeconfig)


def allow(bench: Bench, wanted: list[tuple[str, str, str]]) -> None:
    rules = [{"apiGroups": [group], "resources": [resource], "verbs": [verb]} for group, resource, verb in wanted]
    about = {"name": ACCOUNT, "namespace": bench.namespace}
    bench.cluster.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": about, "rules": rules})


def errands(bench: Bench) -> Outcome | None:
    """All that the service does there: policies made and set right, a run from its beginning to its removal, both watches."""
    with bench.rig() as rig:
        key, status = to_its_end(rig, rig.spec("true"))
        if status.outcome is Outcome.REFUSED:
            # Who may not make Jobs learns it from the run, not from the service that hands it over.
            raise Forbidden(status.detail, remedy=status.remedy)
        service = bench.place.cluster
        hold(service, bench.place.policies)
        bench.cluster.kubectl("patch", "networkpolicy", "tagstone-runs", "--namespace", bench.namespace, "--patch", OPENED)
        hold(service, bench.place.policies)
        for kind in (JOBS, PODS):
            version = service.get(service.path(kind), limit="1")["metadata"]["resourceVersion"]
            list(service.watch(service.path(kind), version, 1))
        service.get(service.path(EVENTS), fieldSelector=f"involvedObject.uid={secrets.token_hex(8)}")
        rig.runner.remove(key)
    return status.outcome


OPENED = json.dumps({"spec": {"policyTypes": ["Egress"]}})


def test_what_the_role_allows_is_enough(bench: Bench) -> None:
    allow(bench, list(permissions()))

    assert errands(bench) is Outcome.SUCCEEDED
    assert bench.jobs() == []


@pytest.mark.parametrize("missing", NEEDED, ids=lambda permission: f"{permission[2]} {permission[1]}")
def test_with_one_verb_less_something_breaks(bench: Bench, missing: tuple[str, str, str]) -> None:
    allow(bench, [permission for permission in NEEDED if permission != missing])

    with pytest.raises(Forbidden, match=missing[1]):
        errands(bench)


def test_the_account_reaches_nothing_else(bench: Bench) -> None:
    allow(bench, list(permissions()))
    service: Connection = connect("test", bench.namespace, bench.kubeconfig, None)
    elsewhere = [service.path(kind, namespace="kube-system") for kind in (JOBS, PODS, "v1/secrets", KIND)]

    for path in (*elsewhere, service.path("v1/secrets"), service.path("v1/configmaps"), "/api/v1/nodes"):
        with pytest.raises(Forbidden):
            service.get(path)
