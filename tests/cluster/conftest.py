"""A namespace of its own for each test, and images in the cluster's registry."""

import secrets
from collections.abc import Iterator

import pytest
import requests

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
