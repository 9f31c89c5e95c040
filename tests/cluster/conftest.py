"""A namespace of its own for each test, images in the cluster's registry, and a runner."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cluster.rig import Bench
from rigs.runs import Rig
from servers.bases import busybox_base
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_helper
from tagstone.adapters.oci_registry import OciRegistry


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """An empty namespace that has its default service account; all in it goes with the test."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.new_namespace(name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def registry(cluster: Cluster) -> Iterator[OciRegistry]:
    """The cluster's registry."""
    with requests.Session() as session:
        yield OciRegistry(session, cluster.registry, insecure=True)


@pytest.fixture(scope="session")
def busybox(cluster: Cluster, registry: OciRegistry) -> str:
    """An image of static busybox in it, by digest."""
    return f"{cluster.registry}/base/busybox@{busybox_base(registry).digest}"


@pytest.fixture(scope="session")
def helper(cluster: Cluster) -> str:
    """The image of deploy/pod in it, by digest."""
    return push_helper(cluster)


@pytest.fixture
def given() -> dict[str, Any]:
    """What of the cluster's settings a test wants to be otherwise."""
    return {}


@pytest.fixture
def bench(cluster: Cluster, namespace: str, registry: OciRegistry, helper: str, tmp_path: Path, given: dict[str, Any]) -> Bench:
    """What runs stand on."""
    return Bench(cluster, namespace, registry, helper, tmp_path, given)


@pytest.fixture
def rig(bench: Bench) -> Iterator[Rig]:
    """A runner there, whose runs are removed with the test."""
    with bench.rig() as made:
        yield made
