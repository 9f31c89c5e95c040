"""Workspaces on a volume that runs share: what a Job asks for there, and what it asks of its node."""

from typing import Any

from rigs.orders import KINDS, pod
from tagstone.adapters.kubernetes.manifests import VOLUME
from tagstone.domain.runs.sight import KEEPER, RUN

KIND = "on a shared volume"
MIB = 2**20


def _container(kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in pod(kind)["containers"] if one["name"] == name)
    return found


def _on_volume(container: dict[str, Any]) -> dict[str, str]:
    """Where a container has which folder of the volume; empty is all of it."""
    return {one["mountPath"]: one.get("subPath", "") for one in container["volumeMounts"] if one["name"] == "workspace"}


def test_the_workspace_is_a_folder_of_the_claims_volume() -> None:
    asked, _ = KINDS[KIND]
    volumes = {volume["name"]: volume for volume in pod(KIND)["volumes"]}
    assert volumes["workspace"] == {"name": "workspace", "persistentVolumeClaim": {"claimName": "shared"}}
    assert _on_volume(_container(KIND, RUN)) == {
        "/workspace": asked.name,
        "/tmp": f"{asked.name}/.tmp",
        "/var/tmp": f"{asked.name}/.tmp",
    }


def test_our_own_containers_have_the_whole_volume_to_make_and_remove_the_folder() -> None:
    asked, _ = KINDS[KIND]
    (stage,) = pod(KIND)["initContainers"]
    for own in (stage, _container(KIND, KEEPER)):
        assert {"name": "TAGSTONE_WORKSPACE", "value": f"{VOLUME}/{asked.name}"} in own["env"]
        assert {"name": "TAGSTONE_LASTING", "value": "true"} in own["env"]
        assert _on_volume(own) == {VOLUME: ""}
    assert not any(one["name"] in ("TAGSTONE_WORKSPACE", "TAGSTONE_LASTING") for one in _container("plain", KEEPER)["env"])


def test_files_of_other_runs_are_not_given_their_group_anew() -> None:
    assert pod(KIND)["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"


def test_its_node_is_asked_for_a_small_disk_only() -> None:
    asked = _container(KIND, RUN)["resources"]
    assert asked["limits"]["ephemeral-storage"] == asked["requests"]["ephemeral-storage"] == str(64 * MIB)
    plain = _container("plain", RUN)["resources"]["limits"]
    assert plain["ephemeral-storage"] == str(10 * 2**30)
    assert plain | {"ephemeral-storage": ""} == asked["limits"] | {"ephemeral-storage": ""}
