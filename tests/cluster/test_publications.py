"""A tag becomes a record whose run was on a real cluster: by commands, a worker and a desk of their own, as at any site."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.rig import until
from rigs.cluster_site import ClusterSite
from servers.kubernetes.cluster import Cluster
from tagstone.domain.publications.publication import State
from tagstone.web.hardware_plot import plots

pytestmark = pytest.mark.kubernetes

_LITTLE = {"cpu": 0.2, "memory": "64Mi", "disk": "64Mi", "time": "2m"}
_SCRIPT = "mkdir results; end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done; echo done > results/one.txt"


@pytest.fixture
def two(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Two namespaces, which are all that a site knows of two clusters."""
    names = (f"test-{secrets.token_hex(4)}", f"test-{secrets.token_hex(4)}")
    for name in names:
        cluster.new_namespace(name)
    yield names
    cluster.kubectl("delete", "namespace", *names, "--wait=false")


@pytest.fixture
def site(cluster: Cluster, two: tuple[str, str], helper: str, busybox: str, tmp_path: Path) -> ClusterSite:
    """An installation with the clusters `dahlem` and `potsdam`; only the second has the profile `quiet`, and gets nodes on demand."""
    assert busybox
    potsdam = {"namespace": two[1], "grows": True, "profiles": {"quiet": {}}}
    return ClusterSite(
        tmp_path,
        cluster,
        helper,
        {"dahlem": {"namespace": two[0]}, "potsdam": potsdam},
        {"TAGSTONE_RUNS__CLUSTER": "dahlem"},
    )


def test_each_run_goes_to_the_cluster_that_has_what_it_asks_for_and_the_record_says_which(
    site: ClusterSite, cluster: Cluster, two: tuple[str, str]
) -> None:
    run = {"command": ["sh", "-c", _SCRIPT], "resources": _LITTLE}
    site.make_repository(run, "results/*.txt")
    site.tag("v1.1.0", run | {"resources": {**_LITTLE, "profile": "quiet"}}, "results/*.txt")
    ran = [site.facts(site.publish(tag)["publication"]) for tag in ("v1.0.0", "v1.1.0")]
    assert [facts.run.status.cluster for facts in ran if facts.run] == ["dahlem", "potsdam"]
    for facts in ran:
        assert facts.run is not None
        status = facts.run.status
        assert [file.path for file in facts.outputs] == ["results/one.txt"]
        assert status.granted is not None
        assert (status.granted.source, status.granted.node, status.granted.cpu_limit) == ("inside", "node", 0.2)
        assert [plot.id for plot in plots(facts.run)] == ["cpu", "memory"]
        assert max(sample.cpu for sample in status.usage) > 0
        shown = site.tagstone("show", facts.publication)
        assert status.cluster in shown
    until(lambda: not any(cluster.all("jobs", namespace) for namespace in two))


def test_a_publication_that_waits_for_a_node_says_so_and_is_cancelled_at_once(site: ClusterSite) -> None:
    wanted = {**_LITTLE, "memory": "64Ti", "profile": "quiet"}
    site.make_repository({"command": ["true"], "resources": wanted}, "results/*.txt")
    with site.working():
        publication = site.submit()
        until(lambda: "memory" in site.waiting(publication))
        # Long enough for looks to have become rare: it is news that has it look now.
        time.sleep(3)
        began = time.monotonic()
        site.tagstone("cancel", publication)
        until(lambda: site.state(publication) is State.CANCELLED)
        assert time.monotonic() - began < 30
