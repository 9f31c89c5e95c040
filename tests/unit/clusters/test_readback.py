"""What a server made of a Job is compared with what it was sent: what it added is its own business, what it dropped is not."""

import copy
from typing import Any

import pytest

from rigs.orders import KINDS
from tagstone.adapters.kubernetes.handing_over import changes
from tagstone.adapters.kubernetes.manifests import job
from tagstone.adapters.kubernetes.readback import differences, essential
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
