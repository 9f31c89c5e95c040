"""Runs on a real Kubernetes of one node: what Tagstone adds to a run's time, what runs that wait cost, and staging beside `curl`."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import requests

from benchmarks.measure import best
from benchmarks.table import Line
from benchmarks.waiting_runs import waiting
from cluster.rig import Bench, to_its_end
from rigs.cluster_site import ClusterSite
from rigs.runs import Rig
from servers.bases import busybox_base
from servers.kubernetes.cluster import Cluster, cluster_for_tests
from servers.kubernetes.images import push_helper
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.manifests import RUN_LABEL
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.runs.run import Outcome, RunSpec
from tagstone.errors import Away

_MIB = 2**20
_VERSIONS, _SECONDS = 4, 12  # publications, and how long the run of each takes: as long as looks at it have become rare
_WAITING = 1000
_STAGED, _TIMES = 2 * 2**30, 3
_LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def measure(folder: Path) -> list[Line]:
    """Under a second before and after; 1,000 waiting runs in 200 MiB and a quarter of a core; staging at 0.8 of curl's speed."""
    with cluster_for_tests() as cluster, requests.Session() as session:
        registry = OciRegistry(session, cluster.registry, insecure=True)
        busybox_base(registry)
        helper = push_helper(cluster)
        return [
            *_added(folder / "added", cluster, helper),
            *_staging(folder / "staging", cluster, registry, helper),
            *_waiting(folder / "waiting", cluster, helper),
        ]


def _added(folder: Path, cluster: Cluster, helper: str) -> list[Line]:
    """One worker publishes one version after the other; the journal says when a step ended, the pod when its command did."""
    namespace = _namespace(cluster, "added")
    site = ClusterSite(folder, cluster, helper, {"bench": {"namespace": namespace}})
    script = f"sleep {_SECONDS}; mkdir results; echo 1 > results/one.csv"
    run = {"command": ["sh", "-c", script], "resources": {"cpu": 0.2, "memory": "64Mi", "disk": "64Mi"}}
    site.make_repository(run, "results/*.csv")
    before, after = [], []
    with site.working(), _pods_made(cluster, namespace) as made:
        for number in range(_VERSIONS):
            if number:
                site.tag(f"v1.{number}.0", run, "results/*.csv")
            publication = site.publish(f"v1.{number}.0")["publication"]
            steps, facts = site.steps(publication), site.facts(publication)
            image, outputs = steps["build"].finished_at, steps["collect"].finished_at
            assert image is not None
            assert outputs is not None
            assert facts.run is not None
            assert facts.run.status.finished_at is not None
            before.append(made[publication] - image)
            after.append(outputs - facts.run.status.finished_at)
    first, last = median(before), median(after)
    return [
        Line("cluster: image ready to pod created", first, None, "s", "< 1 s", first < 1),
        Line("cluster: command ended to outputs collected", last, None, "s", "< 1 s", last < 1),
    ]


@contextmanager
def _pods_made(cluster: Cluster, namespace: str) -> Iterator[dict[str, float]]:
    """When the API server told of each pod, by publications (seconds since the epoch)."""
    found: dict[str, float] = {}
    connected = connect("bench", namespace, cluster.kubeconfig, None)
    path = connected.path("v1/pods")
    version = connected.get(path)["metadata"]["resourceVersion"]

    def follow() -> None:
        with suppress(Away):  # the cluster ends before the watch does
            for change in connected.watch(path, version, 600):
                if change["type"] == "ADDED":
                    key = change["object"]["metadata"]["labels"][RUN_LABEL]
                    found.setdefault(key.rpartition("-")[0], time.time())

    threading.Thread(target=follow, daemon=True).start()
    yield found


def _waiting(folder: Path, cluster: Cluster, helper: str) -> list[Line]:
    site = ClusterSite(folder, cluster, helper, {"bench": {"namespace": _namespace(cluster, "waiting"), "grows": True}})
    cost = waiting(site, _WAITING)
    memory = cost.memory / _MIB
    what = f"{_WAITING:,} runs wait on a cluster, one worker"
    return [
        Line(f"{what}: memory", memory, None, "MiB", "< 200 MiB", memory < 200),
        Line(f"{what}: processor", cost.cores, None, "cores", "< 0.25", cost.cores < 0.25),
    ]


def _staging(folder: Path, cluster: Cluster, registry: OciRegistry, helper: str) -> list[Line]:
    """The container that stages beside one with curl that is held to the same: the same bytes from the same desk onto the same disk."""
    folder.mkdir()
    bench = Bench(cluster, _namespace(cluster, "staging"), registry, helper, folder)
    stored = bench.storage.keep(_random(_STAGED))
    with bench.rig() as rig:
        spec = replace(rig.spec("true", cpu=1.0, disk=3 * 2**30), files=(("large.bin", stored.key),), outputs=("none",))
        held = list[str]()
        found = best({"ours": lambda: _staged(bench, rig, spec, held), "peer": lambda: _with_curl(bench, spec, held)}, _TIMES)
    shutil.rmtree(folder)
    speed, other = (_STAGED / _MIB / found[name] for name in ("ours", "peer"))
    return [Line("staging 2 GiB into a pod, with its checksum | curl", speed, other, "MiB/s", ">= 0.8", speed >= 0.8 * other)]


def _staged(bench: Bench, rig: Rig, spec: RunSpec, held: list[str]) -> float:
    """Seconds that the container beside a run took to lay out its workspace; what it was held to is put into `held`."""
    key, status = to_its_end(rig, spec)
    assert status.outcome is Outcome.SUCCEEDED, status
    (pod,) = (one for one in bench.pods() if one["metadata"]["labels"][RUN_LABEL] == key)
    labels = {"io.kubernetes.container.name": "stage", "io.kubernetes.pod.uid": pod["metadata"]["uid"]}
    filters = [word for name, value in labels.items() for word in ("--filter", f"label={name}={value}")]
    container = bench.cluster.docker("ps", "--all", "--quiet", *filters).strip()
    took, held[:] = _ran(bench.cluster, container), _limits(bench.cluster, container)
    rig.runner.remove(key)
    return took


def _with_curl(bench: Bench, spec: RunSpec, held: Sequence[str]) -> float:
    """Seconds that curl takes in a container of the same image, held to the same, on the same network and disk; it is the machine's own."""
    desk, place = bench.desk(), bench.folder / "curl"
    token = desk.open("peer", spec)
    desk.begin("peer", "peer")
    place.mkdir()
    place.chmod(0o777)
    mounts = {"/usr/bin/curl": "/curl:ro", _LIBRARIES: "/libraries:ro", str(place): "/out"}
    address = f"http://{bench.cluster.machine}:{bench.port}/desk/peer/given/1"
    words = [
        "--silent",
        "--show-error",
        "--fail",
        "--header",
        f"Authorization: Bearer {token}",
        "--header",
        "Tagstone-Pod: peer",
    ]
    container = bench.cluster.docker(
        "run", "--detach", *held, "--env", "LD_LIBRARY_PATH=/libraries", "--entrypoint", "/curl",
        *(word for source, target in mounts.items() for word in ("--volume", f"{source}:{target}")),
        bench.helper, *words, "--output", "/out/large.bin", address,
    ).strip()  # fmt: skip
    assert bench.cluster.docker("wait", container).strip() == "0", bench.cluster.docker("logs", container)
    took = _ran(bench.cluster, container)
    bench.cluster.docker("rm", container)
    shutil.rmtree(place)
    desk.close("peer")
    return took


def _limits(cluster: Cluster, container: str) -> list[str]:
    """What a container is held to, as `docker run` takes it: of files in memory, what is over the limit has to be written first."""
    (found,) = json.loads(cluster.docker("inspect", container))
    options = {"memory": "Memory", "memory-swap": "MemorySwap", "cpu-shares": "CpuShares", "cpu-period": "CpuPeriod"}
    options["cpu-quota"] = "CpuQuota"
    return [f"--{option}={found['HostConfig'][name]}" for option, name in options.items() if found["HostConfig"][name]]


def _ran(cluster: Cluster, container: str) -> float:
    """Seconds from a container's start to its end."""
    (found,) = json.loads(cluster.docker("inspect", container))
    state: dict[str, Any] = found["State"]
    began, ended = (datetime.fromisoformat(state[name]).timestamp() for name in ("StartedAt", "FinishedAt"))
    return ended - began


def _random(size: int) -> Iterator[bytes]:
    with Path("/dev/urandom").open("rb") as source:
        for _ in range(size // _MIB):
            yield source.read(_MIB)


def _namespace(cluster: Cluster, name: str) -> str:
    cluster.new_namespace(f"bench-{name}")
    return f"bench-{name}"
