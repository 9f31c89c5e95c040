"""The cluster of the tests is one: it runs pods within their limits, survives its parts, and leaves nothing behind."""

import http.server
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from servers.builders import wait_for
from servers.kubernetes.cluster import Cluster, running_cluster
from servers.kubernetes.node import CGROUPS

pytestmark = pytest.mark.kubernetes


def run_pod(cluster: Cluster, namespace: str, image: str, script: str, memory: str = "32Mi") -> dict[str, Any]:
    """Run a script in a pod called `pod` to its end; what the API server has of it."""
    resources = {"memory": memory, "cpu": "100m"}
    container = {
        "name": "run",
        "image": image,
        "command": ["/bin/sh", "-c", script],
        "resources": {"limits": resources, "requests": resources},
    }
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    names = {"name": "pod", "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": names, "spec": spec})
    return wait_for(lambda: ended(cluster, namespace), 120.0)


def ended(cluster: Cluster, namespace: str) -> dict[str, Any] | None:
    found = cluster.get("pods", "pod", namespace)
    return found if found["status"]["phase"] in {"Succeeded", "Failed"} else None


def test_a_pod_runs_an_image_by_digest_and_its_log_can_be_read(cluster: Cluster, namespace: str, busybox: str) -> None:
    pod = run_pod(cluster, namespace, busybox, "echo hello; exit 3")

    state = pod["status"]["containerStatuses"][0]
    assert state["state"]["terminated"]["exitCode"] == 3
    assert busybox.partition("@")[2] in state["imageID"]
    assert cluster.kubectl("logs", "pod", "--namespace", namespace) == "hello\n"


def test_memory_is_limited(cluster: Cluster, namespace: str, busybox: str) -> None:
    pod = run_pod(cluster, namespace, busybox, "exec cat /dev/zero | exec sort > /dev/null || tail /dev/zero", memory="16Mi")

    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "OOMKilled"


def test_a_pod_reaches_this_machine_and_nothing_beyond(cluster: Cluster, namespace: str, busybox: str) -> None:
    with http.server.ThreadingHTTPServer((cluster.machine, 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        script = f"busybox nc -w 5 {cluster.machine} {port} </dev/null && ! busybox nc -w 2 192.0.2.1 80 </dev/null"
        pod = run_pod(cluster, namespace, busybox, script)
        server.shutdown()

    assert pod["status"]["phase"] == "Succeeded", cluster.kubectl("logs", "pod", "--namespace", namespace)


def test_nothing_stays_on_the_machine() -> None:
    with running_cluster() as cluster:
        cluster.stop("kubelet")
        wait_for(lambda: "NotReady" in cluster.kubectl("get", "nodes"), 120.0)
        cluster.start("kubelet")
        wait_for(lambda: "NotReady" not in cluster.kubectl("get", "nodes"), 120.0)
        cluster.stop("api")
        cluster.start("api")
        assert cluster.all("nodes")
        folder, number = cluster.folder, cluster.number

    assert not folder.exists()
    assert not list(CGROUPS.glob(f"*/tagstone-test-{number}"))
    assert not Path(f"/sys/class/net/tagstone-t{number}").exists()
    assert str(folder) not in Path("/proc/mounts").read_text(encoding="utf-8")
    assert str(folder) not in subprocess.run(["ps", "ax"], capture_output=True, text=True, check=True).stdout
