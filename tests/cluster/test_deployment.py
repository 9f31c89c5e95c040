"""deploy/kubernetes on a real cluster: from a pushed tag to a record, while each pod is killed in turn, and through an upgrade of the tables."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from cluster.deployment import PROCESSES, Deployment, gitlab_beside, jobs_that_come, until
from servers.bases import busybox_base
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_image, push_upon
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.store.migrations import head

pytestmark = pytest.mark.kubernetes

_NUMBERS = count(1)
# What a next version brings: the same programs, and one more change of the tables.
_NEXT = """\
ARG BASE
FROM ${BASE}
COPY 9999_next.py /opt/tagstone/lib/python3.11/site-packages/tagstone/migrations/versions/9999_next.py
"""
_MIGRATION = f'''\
"""What a next version adds"""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head()}", None, None


def upgrade() -> None:
    """Go forward."""
    op.add_column("publications", sa.Column("praise", sa.Text(), nullable=False, server_default="well done"))
'''


@pytest.fixture(scope="module")
def site(cluster: Cluster, registry: OciRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The service in the cluster, with a project that is registered and not tagged yet."""
    folder = tmp_path_factory.mktemp("site")
    busybox_base(registry)
    service, postgres, helper = (push_image(cluster, name) for name in ("service", "postgres", "pod"))
    cluster.start("services")
    try:
        with gitlab_beside(cluster, folder) as (gitlab, authority):
            site = Deployment(cluster, folder, gitlab, authority, helper, postgres)
            site.make_volumes()
            site.make_secrets()
            site.apply(service)
            site.await_ready()
            site.register()
            yield site
    finally:
        cluster.stop("services")
        for kind, *names in (("namespace", "tagstone", "tagstone-runs"), ("persistentvolume", "home", "data")):
            cluster.kubectl("delete", kind, *names, "--ignore-not-found", "--wait=false")


def what_stays(row: dict[str, Any]) -> list[object]:
    return [row[name] for name in ("publication", "state", "commit", "doi", "image")]


def new_tag() -> str:
    return f"v1.{next(_NUMBERS)}.0"


def test_a_tag_that_is_pushed_becomes_a_record(site: Deployment) -> None:
    tag = new_tag()
    site.push(tag)
    row = site.await_published(tag)[tag]
    assert {sent.status for sent in site.gitlab.deliveries()} == {202}
    page = requests.get(row["record_url"], timeout=10)
    assert row["doi"] in page.text
    assert "cluster here" in site.tagstone("show", row["publication"])
    until(lambda: row["doi"] in site.wobble.releases[tag].description, site.trouble)


def test_receivers_hold_nothing_but_their_own(site: Deployment) -> None:
    said = site.inside("receivers", "sh", "-c", "id -u; env; ls /var/run/secrets/kubernetes.io 2>&1; touch /x 2>&1; exit 0")
    held = {line.partition("=")[0] for line in said.splitlines() if line.startswith("TAGSTONE_")}
    assert held == {
        "TAGSTONE_DATABASE__URL",
        "TAGSTONE_HOME",
        "TAGSTONE_HOOK_KEYS",
        "TAGSTONE_LOG_FORMAT",
        "TAGSTONE_RECEIVING__HOST",
    }
    assert said.splitlines()[0] == "65532"
    assert said.count("No such file") == 1
    assert "Read-only file system" in said


def test_nothing_is_lost_or_done_twice_while_each_pod_is_killed_in_turn(site: Deployment, tmp_path: Path) -> None:
    tags = []
    with jobs_that_come(site.cluster, tmp_path) as jobs:
        for process in PROCESSES:
            for pod in site.pods(process):
                tag = new_tag()
                tags.append(tag)
                site.push(tag)
                site.kill(pod)
            site.await_ready()
        rows = site.await_published(*tags)
        came = jobs()
    assert len({rows[tag]["doi"] for tag in tags}) == len(tags) >= 7
    assert all(len(uids) == 1 for uids in came.values()), came
    assert len(came) >= len(tags)
    assert all(rows[tag]["doi"] in site.wobble.releases[tag].description for tag in tags)


def test_an_upgrade_with_a_migration_loses_nothing(site: Deployment, tmp_path: Path) -> None:
    before, tag = site.rows(), new_tag()
    newer = push_upon(site.cluster, "service", "next", {"Containerfile": _NEXT, "9999_next.py": _MIGRATION})
    with jobs_that_come(site.cluster, tmp_path) as jobs:
        site.push(tag)
        until(jobs, site.trouble)
        site.apply(newer)
        site.await_ready()
        after = site.await_published(tag)
        came = jobs()
    assert "revision 9999" in site.tagstone("db", "upgrade")
    assert {name: what_stays(row) for name, row in after.items() if name != tag} == {
        n: what_stays(row) for n, row in before.items()
    }
    assert [len(uids) for uids in came.values()] == [1]
    assert all(requests.get(row["record_url"], timeout=10).ok for row in after.values())
