"""Publishes the example with its run on a real Kubernetes, which comes and goes with it; then tries a version that asks for a GPU.

Called by `make demo-kubernetes`. The cluster is that of the tests (tests/servers/kubernetes): one node, and a registry. It has no
GPU, which is said before anything is tagged. Then the node is made to promise one: the run is sent there, finds none, and ends with
that reason, since what was granted is looked at from inside.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import demo
from servers.kubernetes.cluster import Cluster, running_cluster
from servers.kubernetes.images import push_helper

FOLDER = demo.DEMO / "kubernetes"
TAGS = ("v1.0.0", "v1.1.0")
GPU = "nvidia.com/gpu"
NAMESPACE = "tagstone-runs"
_PORT = "8622"


def main() -> int:
    """Go through the steps; return the exit code."""
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with demo.step("Debian packages and settings"):
        demo.settle()
    with demo.step("A Git repository with two tags; the second asks for a GPU"):
        repository = make_versions(FOLDER / demo.EXAMPLE.name)
    with demo.step("A real Kubernetes on this machine"), running_cluster() as cluster:
        with demo.step("The namespace of runs, and the image of the helpers"):
            connect(cluster, push_helper(cluster))
        with demo.step("Base image debian:bookworm"):
            demo.tagstone("base-image", "debian:bookworm")
        result = publish(repository)
        with demo.step("tagstone check --cluster: a GPU where there is none"):
            refused = words_of("check", str(repository), "--cluster")
        promise_gpu(cluster)
        with demo.step(f"tagstone publish --tag {TAGS[1]}: on a node that only promises one"):
            missed = words_of("publish", str(repository), "--tag", TAGS[1])
        tell(result, {"none": refused, "promised": missed}, time.monotonic() - started)
    return 0


def make_versions(folder: Path) -> Path:
    """The example with two tags, of which the second asks for a GPU."""
    demo.make_repository(folder)
    for name, before, after in (
        ("CITATION.cff", "version: 1.0.0", "version: 1.1.0"),
        ("tagstone.yml", "{cpu: 1,", "{cpu: 1, gpu: 1,"),
    ):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert before in text, f"{name} has no {before}"
        path.write_text(text.replace(before, after), encoding="utf-8")
    demo.commit(folder, TAGS[1], "On a GPU")
    return folder


def connect(cluster: Cluster, helper: str) -> None:
    """Make what an administrator makes on a cluster, and let the commands that follow run there with no more rights than that gives."""
    cluster.kubectl("apply", "--kustomize", str(demo.ROOT / "deploy/kubernetes/runs"))
    cluster.kubectl("apply", "--kustomize", str(demo.ROOT / "deploy/kubernetes/nodes"))
    kubeconfig = FOLDER / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(cluster.kubeconfig_of("tagstone", "tagstone")), encoding="utf-8")
    site = {
        "kubeconfig": str(kubeconfig),
        "namespace": NAMESPACE,
        "desk": f"http://{cluster.machine}:{_PORT}/desk",
        "helper": helper,
    }
    os.environ |= {
        "TAGSTONE_HOME": str(FOLDER / "home"),
        "TAGSTONE_BUILDS__REGISTRY": cluster.registry,
        "TAGSTONE_BUILDS__REGISTRY_INSECURE": "true",
        "TAGSTONE_RUNS__ENGINE": "kubernetes",
        "TAGSTONE_CLUSTERS": json.dumps({"demo": site}),
        "TAGSTONE_DESK__HOST": cluster.machine,
        "TAGSTONE_DESK__PORT": _PORT,
    }


def publish(repository: Path) -> dict[str, object]:
    """Publish the first tag; returns what came out."""
    with demo.step(f"tagstone publish {repository.relative_to(demo.ROOT)} --tag {TAGS[0]}"):
        result: dict[str, object] = json.loads(demo.tagstone("publish", str(repository), "--tag", TAGS[0], "--json"))
    return result


def words_of(*arguments: str) -> str:
    """What tagstone says about a GPU that cannot be had, and that it does not go on."""
    done = subprocess.run([demo.TAGSTONE, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0, f"there is no GPU, yet it went on: {said}"
    assert "GPU" in said or GPU in said, said
    return said


def promise_gpu(cluster: Cluster) -> None:
    """Let the node say that it has a GPU."""
    cluster.patch_node({"status": {"capacity": {GPU: "1"}, "allocatable": {GPU: "1"}}})


def tell(result: Mapping[str, object], about_gpu: Mapping[str, str], seconds: float) -> None:
    """Say for people, and in `.demo/kubernetes/result.json` for programs, what was published and on what hardware."""
    (FOLDER / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\nDone in {seconds:.0f} s.\n\n{TAGS[0]}: {result['doi']}\n")
    print(demo.tagstone("show", str(result["publication"])))
    print(f"{TAGS[1]} asks for a GPU. On a cluster without one:\n\n{about_gpu['none']}")
    print(f"On a node that promises one which is not there:\n\n{about_gpu['promised']}")
    print(demo.tagstone("show", TAGS[1]))
    print("The cluster ends now; the record stays in .demo/kubernetes/home.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        # The program that failed has said why.
        sys.exit(error.returncode)
