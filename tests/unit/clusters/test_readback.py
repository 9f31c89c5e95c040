"""What a server made of a Job is compared with what it was sent: what it added is its own business unless it sets free, what it dropped is not."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rigs.orders import KINDS, SITE, order
from tagstone.adapters.kubernetes.handing_over import changes
from tagstone.adapters.kubernetes.manifests import job
from tagstone.adapters.kubernetes.readback import differences, essential, loosened
from tagstone.domain.runs.run import Outcome


def kept_by_a_server(kind: str = "plain") -> tuple[dict[str, Any], dict[str, Any]]:
    """A Job as it is sent, and as a server with its defaults returns it."""
    sent = job(*KINDS[kind])
    kept = copy.deepcopy(sent)
    kept["metadata"] |= {"uid": "1", "resourceVersion": "7"}
    pod = kept["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    pod["tolerations"] = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}, *pod.get("tolerations", [])]
    for container in pod["containers"]:
        container |= {"terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "IfNotPresent"}
    return sent, kept


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_adds_is_no_difference(kind: str) -> None:
    sent, kept = kept_by_a_server(kind)
    assert differences(sent, kept) == ()
    assert changes(sent, kept) is None


def test_amounts_are_compared_by_value() -> None:
    assert (
        differences({"cpu": "1000m", "memory": "1073741824", "disk": "1000"}, {"cpu": "1", "memory": "1Gi", "disk": "1k"}) == ()
    )
    assert differences({"cpu": "1000m"}, {"cpu": "2"}) == ("cpu",)


def test_what_an_older_server_drops_and_we_hold_ourselves_is_no_obstacle() -> None:
    sent, kept = kept_by_a_server()
    del kept["spec"]["podFailurePolicy"]
    del kept["spec"]["ttlSecondsAfterFinished"]
    found = differences(sent, kept)
    assert found == ("spec.ttlSecondsAfterFinished", "spec.podFailurePolicy")
    assert essential(found) == ()
    assert changes(sent, kept) is None


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (("securityContext", "seccompProfile"), "securityContext.seccompProfile"),
        (("securityContext", "runAsNonRoot"), "securityContext.runAsNonRoot"),
        (("activeDeadlineSeconds",), "activeDeadlineSeconds"),
        (("automountServiceAccountToken",), "automountServiceAccountToken"),
        (("enableServiceLinks",), "enableServiceLinks"),
    ],
)
def test_isolation_that_is_dropped_is_refused_by_its_name(where: tuple[str, ...], named: str) -> None:
    sent, kept = kept_by_a_server()
    part = kept["spec"]["template"]["spec"]
    for name in where[:-1]:
        part = part[name]
    del part[where[-1]]
    failure = changes(sent, kept)
    assert failure is not None
    assert failure.outcome is Outcome.REFUSED
    assert f"spec.template.spec.{named}" in failure.detail


def test_a_container_that_was_given_another_image_or_another_command_is_refused() -> None:
    sent, kept = kept_by_a_server()
    kept["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/other:latest"
    failure = changes(sent, kept)
    assert failure is not None
    assert "containers[run].image" in failure.detail
    sent, kept = kept_by_a_server()
    kept["spec"]["template"]["spec"]["containers"][0]["command"].append("more")
    assert differences(sent, kept) == ("spec.template.spec.containers[run].command",)


def test_a_mount_that_is_not_read_only_any_more_is_noticed() -> None:
    sent, kept = kept_by_a_server()
    mounts = kept["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    tools = next(one for one in mounts if one["name"] == "tools")
    del tools["readOnly"]
    assert differences(sent, kept) == ("spec.template.spec.containers[run].volumeMounts[tools].readOnly",)


def test_a_toleration_or_a_node_selector_that_is_gone_is_noticed() -> None:
    sent, kept = kept_by_a_server("of a profile")
    pod = kept["spec"]["template"]["spec"]
    pod["tolerations"] = []
    del pod["nodeSelector"]
    found = differences(sent, kept)
    assert "spec.template.spec.nodeSelector" in found
    assert "spec.template.spec.tolerations[dedicated]" in found


def test_of_many_fields_that_are_gone_few_are_shown() -> None:
    sent, kept = kept_by_a_server()
    kept["spec"]["template"]["spec"] = {}
    failure = changes(sent, kept)
    assert failure is not None
    assert failure.detail.endswith("and 11 more.")
    assert len(failure.detail) < 500


def _sidecar(**security: Any) -> dict[str, Any]:
    mesh = {
        "name": "mesh",
        "image": "example.org/mesh:1",
        "volumeMounts": [{"name": "mesh-token", "mountPath": "/var/run/mesh"}],
    }
    return mesh | {"securityContext": security}


def _held(pod: dict[str, Any], **more: Any) -> None:
    pod["containers"][0]["securityContext"] |= more


_LOOSENED: dict[str, Callable[[dict[str, Any]], object]] = {
    "hostNetwork": lambda pod: pod.update(hostNetwork=True),
    "hostPID": lambda pod: pod.update(hostPID=True),
    "hostIPC": lambda pod: pod.update(hostIPC=True),
    "shareProcessNamespace": lambda pod: pod.update(shareProcessNamespace=True),
    "serviceAccountName": lambda pod: pod.update(serviceAccountName="operator"),
    "automountServiceAccountToken": lambda pod: pod.update(automountServiceAccountToken=True),
    "volumes[docker].hostPath": lambda pod: pod["volumes"].append({"name": "docker", "hostPath": {"path": "/var/run"}}),
    "securityContext.runAsUser": lambda pod: pod.update(securityContext=dict(pod["securityContext"], runAsUser=0)),
    "securityContext.supplementalGroups": lambda pod: pod.update(
        securityContext=dict(pod["securityContext"], supplementalGroups=[0])
    ),
    "containers[run].securityContext.privileged": lambda pod: _held(pod, privileged=True),
    "containers[run].securityContext.allowPrivilegeEscalation": lambda pod: _held(pod, allowPrivilegeEscalation=True),
    "containers[run].securityContext.runAsUser": lambda pod: _held(pod, runAsUser=0),
    "containers[run].securityContext.runAsGroup": lambda pod: _held(pod, runAsGroup=0),
    "containers[run].securityContext.runAsNonRoot": lambda pod: _held(pod, runAsNonRoot=False),
    "containers[run].securityContext.procMount": lambda pod: _held(pod, procMount="Unmasked"),
    "containers[run].securityContext.capabilities.add": lambda pod: _held(
        pod, capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}
    ),
    "containers[run].securityContext.seccompProfile.type": lambda pod: _held(pod, seccompProfile={"type": "Unconfined"}),
    "containers[run].securityContext.appArmorProfile.type": lambda pod: _held(pod, appArmorProfile={"type": "Unconfined"}),
    "containers[run].volumeMounts[/var/run/token]": lambda pod: pod["containers"][0]["volumeMounts"].append(
        {"name": "token", "mountPath": "/var/run/token"}
    ),
    "containers[run].volumeDevices": lambda pod: pod["containers"][0].update(volumeDevices=[{"name": "a", "devicePath": "/a"}]),
    "initContainers[stage].securityContext.privileged": lambda pod: pod["initContainers"][0]["securityContext"].update(
        privileged=True
    ),
    "containers[keeper].securityContext.runAsUser": lambda pod: pod["containers"][1]["securityContext"].update(runAsUser=0),
    "containers[mesh].securityContext.privileged": lambda pod: pod["containers"].append(_sidecar(privileged=True)),
    "containers[mesh].securityContext.runAsUser": lambda pod: pod["containers"].append(_sidecar(runAsUser=0)),
    "initContainers[mesh].securityContext.capabilities.add": lambda pod: pod["initContainers"].append(
        _sidecar(capabilities={"add": ["NET_ADMIN"]})
    ),
}
_HARMLESS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a sidecar of a mesh": lambda pod: pod["containers"].append(
        _sidecar(privileged=False, allowPrivilegeEscalation=False, runAsUser=1337, capabilities={"drop": ["ALL"]})
    ),
    "a sidecar that says nothing": lambda pod: pod["containers"].append({"name": "mesh", "image": "example.org/mesh:1"}),
    "a volume for the sidecar": lambda pod: pod["volumes"].append({"name": "mesh-token", "projected": {"sources": []}}),
    "the usual account": lambda pod: pod.update(serviceAccountName="default", serviceAccount="default"),
    "its own namespaces, said again": lambda pod: pod.update(hostNetwork=False, hostPID=False, shareProcessNamespace=False),
    "users of its own": lambda pod: pod.update(hostUsers=False),
    "secrets for registries": lambda pod: pod.update(imagePullSecrets=[{"name": "mirror"}]),
    "tolerations": lambda pod: pod["tolerations"].append({"key": "spot", "operator": "Exists"}),
    "a proxy": lambda pod: pod["containers"][0]["env"].append({"name": "HTTP_PROXY", "value": "http://proxy.example.org"}),
    "labels of SELinux": lambda pod: pod.update(
        securityContext=dict(pod["securityContext"], seLinuxOptions={"level": "s0:c1,c2"}, supplementalGroups=[1000])
    ),
    "what holds it, said again": lambda pod: _held(
        pod, procMount="Default", seccompProfile={"type": "RuntimeDefault"}, runAsUser=65532
    ),
}


@pytest.mark.parametrize("what", _LOOSENED)
def test_what_is_added_and_sets_a_run_free_is_refused_by_its_name(what: str) -> None:
    sent, kept = kept_by_a_server()
    _LOOSENED[what](kept["spec"]["template"]["spec"])
    failure = changes(sent, kept)
    assert failure is not None
    assert failure.outcome is Outcome.REFUSED
    assert f"loosened what it is to be held by: spec.template.spec.{what}." in failure.detail
    assert "webhook" in failure.remedy


@pytest.mark.parametrize("what", _LOOSENED)
def test_it_is_refused_of_a_pod_too(what: str) -> None:
    sent, kept = kept_by_a_server()
    pod = kept["spec"]["template"]["spec"]
    _LOOSENED[what](pod)
    failure = changes({"metadata": {}, "spec": sent["spec"]["template"]["spec"]}, {"metadata": {"uid": "2"}, "spec": pod})
    assert failure is not None
    assert f": spec.{what}." in failure.detail


@pytest.mark.parametrize("what", _HARMLESS)
def test_what_is_added_and_sets_nothing_free_is_the_clusters_own_business(what: str) -> None:
    sent, kept = kept_by_a_server()
    _HARMLESS[what](kept["spec"]["template"]["spec"])
    kept["metadata"]["labels"]["example.org/team"] = "science"
    assert changes(sent, kept) is None


def test_a_build_may_have_what_it_was_sent_with_and_no_more() -> None:
    sent = job(order(), replace(SITE, building=True))
    kept = copy.deepcopy(sent)
    held = kept["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    held["appArmorProfile"] = {"type": "Unconfined"}  # what a server makes of the annotation
    assert changes(sent, kept) is None
    held["capabilities"]["add"].append("SYS_ADMIN")
    held["privileged"] = True
    place = "spec.template.spec.containers[run].securityContext"
    assert loosened(sent, kept) == (f"{place}.privileged", f"{place}.capabilities.add")
