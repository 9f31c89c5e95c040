"""Every pod keeps every control of the *restricted* Pod Security Standard, and what we ask of it beyond that."""

import copy
import json
from typing import Any

import pytest

from fakes.kubernetes.pod_security import CONTROLS, containers, violations
from rigs.orders import DESK, KINDS, TOKEN, pod, rendered
from tagstone.domain.runs.sight import KEEPER, STAGE

_RUN: dict[str, dict[str, Any]] = {
    "HostProcess": {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    "Privileged containers": {"securityContext": {"privileged": True}},
    "Capabilities (baseline)": {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}},
    "Host ports": {"ports": [{"containerPort": 80, "hostPort": 80}]},
    "AppArmor": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "SELinux": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "/proc mount type": {"securityContext": {"procMount": "Unmasked"}},
    "Seccomp (baseline)": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "Privilege escalation": {"securityContext": {"allowPrivilegeEscalation": True}},
    "Running as non-root": {"securityContext": {"runAsNonRoot": False}},
    "Running as non-root user": {"securityContext": {"runAsUser": 0}},
    "Seccomp": {"securityContext": {"seccompProfile": {"type": "Other"}}},
    "Capabilities": {"securityContext": {"capabilities": {"drop": ["NET_RAW"]}}},
}
_POD: dict[str, dict[str, Any]] = {
    "Host namespaces": {"hostPID": True},
    "HostPath volumes": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    "Sysctls": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "Volume types": {"volumes": [{"name": "host", "nfs": {"server": "x", "path": "/"}}]},
}


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_keeps_every_control_of_the_restricted_standard(kind: str, control: str) -> None:
    assert CONTROLS[control](pod(kind)) == ""


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("place", ["initContainers", "containers"])
def test_each_control_is_seen_to_be_broken(control: str, place: str) -> None:
    spec = pod("plain")
    spec.update(copy.deepcopy(_POD.get(control, {})))
    broken = _RUN.get(control, {})
    spec[place][0] |= broken | {"securityContext": {**spec[place][0]["securityContext"], **broken.get("securityContext", {})}}
    assert CONTROLS[control](spec) in list(violations(spec))
    assert CONTROLS[control](spec)


def test_what_a_pod_does_not_say_does_not_count_as_said() -> None:
    bare = {"containers": [{"name": "run", "image": "x"}]}
    assert len(list(violations(bare))) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_no_run_has_an_account_a_writable_root_or_links_to_services(kind: str) -> None:
    spec = pod(kind)
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert "serviceAccountName" not in spec
    assert not spec.get("shareProcessNamespace")
    assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in containers(spec))
    assert all("ephemeral-storage" in one["resources"]["limits"] for one in containers(spec))


@pytest.mark.parametrize("kind", KINDS)
def test_the_author_s_container_is_shown_nothing_of_ours(kind: str) -> None:
    run = next(one for one in pod(kind)["containers"] if one["name"] == "run")
    mounts = {mount["name"]: mount for mount in run["volumeMounts"]}
    assert set(mounts) == {"workspace", "tools", "control", "shm"}
    assert mounts["tools"]["readOnly"] is True
    assert "envFrom" not in run
    assert all("valueFrom" not in variable for variable in run["env"])
    assert DESK not in json.dumps(run)


@pytest.mark.parametrize("kind", KINDS)
def test_the_token_is_in_the_secret_alone(kind: str) -> None:
    secret = next(one for one in rendered(kind) if one["kind"] == "Secret")
    assert secret["metadata"]["ownerReferences"][0]["kind"] == "Job"
    others = [one for one in rendered(kind) if one is not secret]
    assert TOKEN not in json.dumps([one for one in others if one["kind"] != "Secret"])
    mounting = [one["name"] for one in containers(pod(kind)) if "desk" in {mount["name"] for mount in one["volumeMounts"]}]
    assert mounting == [STAGE, KEEPER]
