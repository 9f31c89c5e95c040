"""What `tagstone doctor --cluster` asks for is what deploy/kubernetes grants: a site that applied it is told of no fault, nor of too much."""

from pathlib import Path

import pytest
import yaml

from tagstone.adapters.kubernetes.rights import NEEDED, NODES, POLICIES, TOO_MUCH, Right

DEPLOY = Path(__file__).resolve().parents[3] / "deploy/kubernetes"
OPTIONAL = {"resourcequotas", "limitranges"}
FOLDERS = {"runs": (*NEEDED, *POLICIES), "builds": (*NEEDED, *POLICIES), "nodes": (NODES,)}


def granted(folder: str) -> list[Right]:
    """What the role of a folder lets the service do, but for what only makes messages better."""
    documents = yaml.safe_load_all((DEPLOY / folder / "role.yaml").read_text(encoding="utf-8"))
    return [
        Right(verb, resource, group, everywhere=role["kind"] == "ClusterRole")
        for role in documents
        for rule in role.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if resource not in OPTIONAL
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_asked_for_is_what_is_granted(folder: str) -> None:
    assert sorted(granted(folder), key=str) == sorted(FOLDERS[folder], key=str)


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_is_granted_that_nobody_should_have(folder: str) -> None:
    assert not set(granted(folder)) & set(TOO_MUCH)
