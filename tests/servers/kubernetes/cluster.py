"""A real Kubernetes of one node for tests, with a registry beside it; nothing of it stays on the machine."""

import base64
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests

from servers.builders import wait_for
from servers.kubernetes.node import CGROUPS, PATIENCE
from servers.kubernetes.parts import Layout
from servers.kubernetes.programs import CACHE, programs

TESTS = Path(__file__).resolve().parents[2]
VARIABLE = "TAGSTONE_TEST_CLUSTER"
_NUMBERS = range(1, 250)
_GROUPS = {
    "jobs": "apis/batch/v1",
    "deployments": "apis/apps/v1",
    "statefulsets": "apis/apps/v1",
    "networkpolicies": "apis/networking.k8s.io/v1",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs. `folder` has all of it, `number` tells it from others on this machine."""

    folder: Path
    number: int

    @property
    def kubeconfig(self) -> Path:
        """An administrator's."""
        return self._layout.kubeconfig

    @property
    def kubectl_program(self) -> Path:
        """The program itself, for what goes on for longer than a call."""
        return self._layout.programs / "kubectl"

    @property
    def registry(self) -> str:
        """Where its registry listens, with plain HTTP; the node knows it by the same name."""
        return self._layout.registry

    @property
    def machine(self) -> str:
        """The address at which pods reach this machine."""
        return f"172.31.{self.number}.1"

    @property
    def engine(self) -> str:
        """The address of the node's Docker Engine."""
        return self._layout.engine

    def stop(self, part: str) -> None:
        """Kill a part of the node (`api`, `kubelet`, `controllers`, `scheduler`, `registry`), whatever it is doing."""
        self._tell(f"stop {part}")

    def start(self, part: str) -> None:
        """Start that part again, with all that it had; an API server answers when this returns."""
        self._tell(f"start {part}")
        if part == "api":
            wait_for(self._answers, PATIENCE)

    @contextmanager
    def short_of_memory(self) -> Iterator[None]:
        """While the context is open the node takes all the memory that it has for too little, and ends pods for that."""
        path = self.folder / "kubelet.json"
        before = path.read_text(encoding="utf-8")
        configuration = json.loads(before)
        # What a node ends pods for at once it keeps for itself: that cannot be more than it has.
        configuration |= {"evictionSoft": {"memory.available": "100Ti"}, "evictionSoftGracePeriod": {"memory.available": "1s"}}
        try:
            self._configure_kubelet(json.dumps(configuration))
            yield
        finally:
            self._configure_kubelet(before)

    def cut_power(self, pod: str) -> None:
        """End a pod's containers as a power cut does: nobody tells the kubelet, or is told by it."""
        found = self.docker("ps", "--quiet", "--filter", f"label=io.kubernetes.pod.name={pod}").split()
        self.docker("rm", "--force", *found)

    def give_up_node(self) -> None:
        """Once the node is seen to be unreachable, give up what ran there.

        The controllers do so by themselves where other nodes are left; when all are gone they take themselves for cut off.
        """
        gone = "node.kubernetes.io/unreachable"
        wait_for(lambda: any(taint["key"] == gone for taint in self.get("nodes", "node")["spec"].get("taints", ())), PATIENCE)
        self.kubectl("taint", "node", "node", f"{gone}=:NoExecute")

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Call kubectl as the administrator; what it printed."""
        command = [str(self.kubectl_program), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr[-3000:]}"
        return done.stdout

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
        """An object as the API server has it; `kind` is its plural."""
        return self._asked(f"{_path(kind, namespace)}/{name}")

    def all(self, kind: str, namespace: str = "", selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind (its plural) with these labels."""
        return list(self._asked(_path(kind, namespace), labelSelector=selector)["items"])

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create or change objects."""
        together = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--filename", "-", given=json.dumps(together))

    def new_namespace(self, name: str) -> None:
        """Make a namespace, and wait for the service account that pods there need."""
        self.kubectl("create", "namespace", name)
        wait_for(lambda: self.all("serviceaccounts", name))

    def kubeconfig_of(self, namespace: str, account: str) -> dict[str, Any]:
        """What a service account speaks to the cluster with."""
        secrets = wait_for(lambda: self.get("serviceaccounts", account, namespace).get("secrets"))
        token = base64.b64decode(self.get("secrets", secrets[0]["name"], namespace)["data"]["token"]).decode()
        found: dict[str, Any] = json.loads(self.kubeconfig.read_text(encoding="utf-8"))
        return {**found, "users": [{"name": "admin", "user": {"token": token}}]}

    def patch_node(self, change: Mapping[str, Any]) -> None:
        """Change the node's status, which kubectl cannot: `nvidia.com/gpu` is counted there."""
        url, session = _session(self.kubeconfig)
        kind = {"Content-Type": "application/merge-patch+json"}
        answer = session.patch(f"{url}/api/v1/nodes/node/status", data=json.dumps(change), headers=kind, timeout=PATIENCE)
        answer.raise_for_status()

    def docker(self, *arguments: str) -> str:
        """Call docker on the node's engine; what it printed."""
        command = ["docker", "--host", self.engine, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout

    def log(self, part: str) -> str:
        """What a part logged last."""
        return (self.folder / f"{part}.log").read_text(encoding="utf-8", errors="replace")[-5000:]

    @property
    def _layout(self) -> Layout:
        return layout_of(self.folder, self.number)

    def _configure_kubelet(self, text: str) -> None:
        self.stop("kubelet")
        (self.folder / "kubelet.json").write_text(text, encoding="utf-8")
        self.start("kubelet")

    def _asked(self, path: str, **query: str) -> dict[str, Any]:
        """What the API server answers. Asked directly: kubectl takes as much of the processor as a hundred answers."""
        url, session = _session(self.kubeconfig)
        try:
            answer = session.get(f"{url}/{path}", params=query, timeout=PATIENCE)
        except requests.RequestException as error:
            raise AssertionError(f"{path}: {error}") from error
        assert answer.ok, f"{path}: {answer.text[:3000]}"
        found: dict[str, Any] = answer.json()
        return found

    def _answers(self) -> bool:
        url, session = _session(self.kubeconfig)
        with suppress(requests.RequestException):
            return session.get(f"{url}/readyz", timeout=PATIENCE).ok
        return False

    def _tell(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(PATIENCE)
            asking.connect(str(self.folder / "control"))
            asking.sendall(f"{line}\n".encode())
            assert asking.recv(16) == b"done\n", f"{line}: the node did not do it"


@cache
def _session(kubeconfig: Path) -> tuple[str, requests.Session]:
    """The API server's address, and a session of the administrator's."""
    found = json.loads(kubeconfig.read_text(encoding="utf-8"))
    server, user = found["clusters"][0]["cluster"], found["users"][0]["user"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {user['token']}"
    session.trust_env, session.verify = False, server["certificate-authority"]
    return server["server"], session


def _path(kind: str, namespace: str) -> str:
    place = f"namespaces/{namespace}/" if namespace else ""
    return f"{_GROUPS.get(kind, 'api/v1')}/{place}{kind}"


def layout_of(folder: Path, number: int) -> Layout:
    """Where everything of a cluster is."""
    return Layout(programs(), folder, f"172.31.{number}.2", f"172.31.{number}.128/25", f"/tagstone-test-{number}")


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Bring a cluster up, from nothing where need be; it ends with the context, or with this process."""
    found = programs()
    with _reserved_number() as number:
        yield from _running(found, number)


def _running(found: Path, number: int) -> Iterator[Cluster]:
    # A short name: that of a Unix socket below may have 107 bytes only.
    folder = Path(tempfile.mkdtemp(prefix="k-"))
    own = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    words = [sys.executable, "-m", "servers.kubernetes.node", str(folder), str(found), str(number)]
    try:
        with subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *own, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            start_new_session=True,
        ) as node:
            _expect(node, "entered")
            _link(number, node.pid)
            assert node.stdin is not None
            node.stdin.write("linked\n")
            node.stdin.flush()
            _expect(node, "ready")
            yield Cluster(folder, number)
    finally:
        _tidy(folder, number)


@contextmanager
def _reserved_number() -> Iterator[int]:
    """A number that no other cluster of this machine has, until all that is called by it is gone: the link vanishes before."""
    for number in _NUMBERS:
        with (CACHE / f"number-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            link = ["ip", "link", "add", f"tagstone-t{number}", "type", "veth", "peer", "name", f"tagstone-n{number}"]
            if subprocess.run(link, check=False, capture_output=True).returncode == 0:
                yield number
                return
    raise AssertionError("no number for a cluster is free: may this user make network links?")


def _link(number: int, process: int) -> None:
    """Move the other end of a number's link to a node; it vanishes with the node."""
    here = f"tagstone-t{number}"
    for words in (
        ("link", "set", f"tagstone-n{number}", "netns", str(process), "name", "machine"),
        ("address", "add", f"172.31.{number}.1/24", "dev", here),
        ("link", "set", here, "up"),
    ):
        subprocess.run(["ip", *words], check=True)


def _expect(node: subprocess.Popen[str], word: str) -> None:
    assert node.stdout is not None
    assert node.stdout.readline().strip() == word, "the cluster did not come up: what is above says why"


def _tidy(folder: Path, number: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["ip", "link", "delete", f"tagstone-t{number}"], check=False, capture_output=True)
    for hierarchy in CGROUPS.iterdir():
        place = hierarchy / f"tagstone-test-{number}"
        for group in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                group.rmdir()
        with suppress(OSError):
            place.rmdir()


@contextmanager
def cluster_for_tests() -> Iterator[Cluster]:
    """The cluster that `python -m servers.kubernetes` has up around us, or one of our own."""
    given = os.environ.get(VARIABLE)
    if given is None:
        with running_cluster() as cluster:
            yield cluster
    else:
        number, _, folder = given.partition(":")
        yield Cluster(Path(folder), int(number))
