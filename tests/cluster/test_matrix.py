"""A matrix on a real cluster, published as a person does: one Job for each combination, so many at once, and a record of all."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fakes.small_project import CITATION, commit, git
from rigs.pods import free_port
from servers.bases import busybox_base
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.oci_registry import OciRegistry

pytestmark = pytest.mark.kubernetes

MANIFEST = """\
environment: {base: "busybox:test"}
run:
  command: [sh, -c, "mkdir results && sleep 3 && echo {seed} {field} > results/said.txt"]
  matrix: {seed: [1, 2], field: [north, south]}
  parallel: 2
  resources: {cpu: 0.2, memory: 64Mi, disk: 100Mi, time: 10m}
outputs: [results/*]
"""
OURS = "app.kubernetes.io/managed-by=tagstone"


@pytest.fixture
def repository(tmp_path: Path, registry: OciRegistry) -> Path:
    busybox_base(registry)
    folder = tmp_path / "wobble"
    folder.mkdir()
    (folder / "tagstone.yml").write_text(MANIFEST)
    (folder / "CITATION.cff").write_text(CITATION)
    git(folder, "init", "--quiet")
    commit(folder, "v1.0.0")
    return folder


@pytest.fixture
def environment(cluster: Cluster, namespace: str, helper: str, tmp_path: Path) -> dict[str, str]:
    """What a site sets whose runs go to this cluster."""
    port = str(free_port())
    site = {
        "kubeconfig": str(cluster.kubeconfig),
        "namespace": namespace,
        "desk": f"http://{cluster.machine}:{port}/desk",
        "helper": helper,
    }
    return {
        **os.environ,
        "TAGSTONE_HOME": str(tmp_path / "home"),
        "TAGSTONE_BUILDS__REGISTRY": cluster.registry,
        "TAGSTONE_BUILDS__REGISTRY_INSECURE": "true",
        "TAGSTONE_RUNS__ENGINE": "kubernetes",
        "TAGSTONE_CLUSTERS": json.dumps({"test": site}),
        "TAGSTONE_DESK__HOST": cluster.machine,
        "TAGSTONE_DESK__PORT": port,
    }


def watched(publishing: "subprocess.Popen[str]", cluster: Cluster, namespace: str) -> tuple[dict[str, str], int]:
    """The names of all Jobs that were there while it went on, by their uids, and how many there were at once."""
    names: dict[str, str] = {}
    most = 0
    while publishing.poll() is None:
        jobs = cluster.all("jobs", namespace, OURS)
        names |= {job["metadata"]["uid"]: job["metadata"]["name"] for job in jobs}
        most = max(most, len([job for job in jobs if "deletionTimestamp" not in job["metadata"]]))
        time.sleep(0.5)  # a run takes three seconds at least, so none is missed
    return names, most


def test_each_combination_is_one_job_with_outputs_and_hardware_of_its_own(
    cluster: Cluster, namespace: str, repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tagstone", "publish", str(repository), "--tag", "v1.0.0", "--json"]
    with (tmp_path / "said").open("w") as said:
        publishing = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            names, most = watched(publishing, cluster, namespace)
            answer, _ = publishing.communicate(timeout=60)
        finally:
            publishing.kill()
            publishing.wait()
    assert publishing.returncode == 0, (tmp_path / "said").read_text()
    result = json.loads(answer)
    assert result["state"] == "published", result
    assert (len(names), len(set(names.values())), most) == (4, 4, 2), names
    assert [run["values"] for run in result["runs"]] == [
        {"seed": seed, "field": field} for seed in ("1", "2") for field in ("north", "south")
    ]
    node = cluster.all("nodes")[0]["metadata"]["name"]
    assert {(run["outcome"], run["granted"]["node"], run["granted"]["cpu_limit"]) for run in result["runs"]} == {
        ("succeeded", node, 0.2)
    }
    outputs = Path(result["bundle"]) / "outputs"
    written = {path.parts[-3]: path.read_text() for path in sorted(outputs.glob("*/results/said.txt"))}
    assert written == {
        "1-seed=1-field=north": "1 north\n",
        "2-seed=1-field=south": "1 south\n",
        "3-seed=2-field=north": "2 north\n",
        "4-seed=2-field=south": "2 south\n",
    }
    assert [one for kind in ("jobs", "secrets") for one in cluster.all(kind, namespace, OURS)] == []
