"""Publishes the example with its run on a real Kubernetes, which comes and goes with it; then a version that asks for a GPU.

Called by `make demo-kubernetes`. The cluster is that of the tests (tests/servers/kubernetes): one node, and a registry. It has no
GPU: the node is made to say so for the second version, which shows how a run is placed, not how fast it is.
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
        results = {TAGS[0]: publish(repository, TAGS[0])}
        with demo.step("A GPU where there is none"):
            refused = words_about_gpu(repository)
        offer_gpu(cluster)
        results[TAGS[1]] = publish(repository, TAGS[1])
        tell(results, refused, time.monotonic() - started)
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


def publish(repository: Path, tag: str) -> dict[str, object]:
    """Publish a tag; returns what came out, with the hardware of its run."""
    with demo.step(f"tagstone publish {repository.relative_to(demo.ROOT)} --tag {tag}"):
        result: dict[str, object] = json.loads(demo.tagstone("publish", str(repository), "--tag", tag, "--json"))
    return result


def words_about_gpu(repository: Path) -> str:
    """What `tagstone check` says about a request that no node can satisfy."""
    command = [str(demo.TAGSTONE), "check", str(repository), "--cluster"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0, f"no node has a GPU, yet nothing was said about that: {said}"
    assert GPU in said, said
    return said


def offer_gpu(cluster: Cluster) -> None:
    """Let the node say that it has a GPU."""
    cluster.patch_node({"status": {"capacity": {GPU: "1"}, "allocatable": {GPU: "1"}}})


def tell(results: Mapping[str, Mapping[str, object]], refused: str, seconds: float) -> None:
    """Say for people, and in `.demo/kubernetes/result.json` for programs, what was published and on what hardware."""
    (FOLDER / "result.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nDone in {seconds:.0f} s.\n\nThe version with a GPU, on a cluster without one:\n\n{refused}")
    for tag, result in results.items():
        print(f"\n{tag}: {result['doi']}\n")
        print(demo.tagstone("show", str(result["publication"])))
    print("The cluster ends now; the records stay in .demo/kubernetes/home.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        # The program that failed has said why.
        sys.exit(error.returncode)
