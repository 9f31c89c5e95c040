"""Nothing secret of ours is found by a hostile build and a hostile run: not in environments, files, processes and sockets that they see."""

import base64
import ipaddress
import json
import secrets
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.building import BuildBench
from cluster.rig import Bench, to_its_end
from rigs.pods import archive
from rigs.runs import Rig
from servers.bases import busybox_base
from servers.builders import builds_with
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_builder
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.environments.build import BaseImage, ContextFile, Recipe
from tagstone.domain.environments.containerfile import parse, rewrite
from tagstone.domain.images.oci import ImageSettings, Platform
from tagstone.domain.runs.run import Outcome, OutputRules, RunSpec

pytestmark = pytest.mark.kubernetes

SIGHTED = "seen-by-whoever-looks"
NEIGHBOUR = "neighbour-0"
# All that can be read: of every process, of every file that is small enough to hold a secret, and the answers of whoever listens. Folders
# of the kernel's own are left out of the walk; what of them could matter is asked for by name.
LOOK = """
# Whoever listens answers nobody who has hung up.
ask() {
    busybox printf "$@"
    sleep 2
}
look() {
    env
    for place in /proc/[0-9]*; do
        cat $place/environ $place/cmdline $place/mountinfo
        for name in workspace tagstone run var/run root home etc/kubernetes var/lib/kubelet .tagstone; do
            busybox find $place/root/$name -type f ! -name loot -size -2048 -exec cat {} +
        done
    done
    busybox find / \\( -path /proc -o -path /sys \\) -prune -o -type f ! -name loot -size -2048 -exec cat {} +
    cat /run/secrets/kubernetes.io/serviceaccount/token /var/run/secrets/kubernetes.io/serviceaccount/token
    busybox find / -path /proc -prune -o -type s -print | while read -r socket; do echo "socket:$socket"; done
    for word in "" "Bearer " "Bearer none" "Bearer TOKEN"; do
        ask 'GET /desk/NEIGHBOUR/given/0 HTTP/1.0\\r\\nAuthorization: %s\\r\\nTagstone-Pod: x\\r\\n\\r\\n' "$word" |
            busybox nc -w 10 MACHINE PORT
    done
    ask 'GET /latest/meta-data/ HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 169.254.169.254 80
}
look 2>/dev/null
"""


@dataclass
class Planted:
    """Every secret of ours by what it is, and where a stranger's code could ask for more."""

    secrets: dict[str, bytes]
    machine: str
    port: int

    def script(self) -> str:
        """A look at everything, for a shell."""
        words = {"NEIGHBOUR": NEIGHBOUR, "MACHINE": self.machine, "PORT": str(self.port)}
        text = LOOK
        for name, value in words.items():
            text = text.replace(name, value)
        return text

    def found_in(self, loot: bytes) -> list[str]:
        """Which secrets are in there, as they are or as the API writes them."""
        return [what for what, one in self.secrets.items() if one in loot or base64.b64encode(one)[:-4] in loot]


def canary() -> str:
    return f"canary-{secrets.token_hex(12)}"


def plant(cluster: Cluster, namespace: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Secrets in all places that the service, its cluster and its node have."""
    in_a_secret, in_a_pull_secret, in_a_file, in_the_environment = canary(), canary(), canary(), canary()
    login = {"auths": {"registry.example.org": {"auth": base64.b64encode(f"user:{in_a_pull_secret}".encode()).decode()}}}
    about = {"apiVersion": "v1", "kind": "Secret"}
    held = {"site": {"password": in_a_secret}, "registry": {".dockerconfigjson": json.dumps(login)}}
    for name, data in held.items():
        kind = "kubernetes.io/dockerconfigjson" if name == "registry" else "Opaque"
        cluster.apply({**about, "metadata": {"name": name, "namespace": namespace}, "type": kind, "stringData": data})
    monkeypatch.setenv("TAGSTONE_SECRET_KEYS", json.dumps([in_the_environment]))
    (folder / "tagstone.env").write_text(in_a_file)
    administrator = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]["token"]
    account = cluster.kubeconfig_of(namespace, "default")["users"][0]["user"]["token"]
    return {
        "a Secret of the namespace": in_a_secret.encode(),
        "the password that nodes pull with": in_a_pull_secret.encode(),
        "a file of the service, on the node's own disk": in_a_file.encode(),
        "the service's environment": in_the_environment.encode(),
        "the kubeconfig": administrator.encode(),
        "the token of the namespace's service account": account.encode(),
    }


def token(folder: Path, key: str) -> bytes:
    """What the pod of a run speaks to the desk with."""
    found: str = json.loads((folder / "desk" / key / "desk.json").read_bytes())["token"]
    return found.encode()


def reachable(policies: list[dict[str, Any]], labels: Mapping[str, str], address: str) -> bool:
    """Whether the policies that are for a pod with these labels let it speak to an address at port 80."""
    held = [
        one["spec"] for one in policies if one["spec"]["podSelector"].get("matchLabels", {}).items() <= dict(labels).items()
    ]
    assert held
    where = ipaddress.ip_address(address)
    for rule in (rule for spec in held for rule in spec.get("egress", ())):
        ports = [port["port"] for port in rule.get("ports", ())]
        blocks = [to["ipBlock"] for to in rule.get("to", ())]
        inside = [
            block
            for block in blocks
            if where in ipaddress.ip_network(block["cidr"])
            and not any(where in ipaddress.ip_network(one) for one in block.get("except", ()))
        ]
        if (inside or not blocks) and (not ports or 80 in ports):
            return True
    return False


def test_a_hostile_run_finds_nothing_of_ours(
    cluster: Cluster,
    namespace: str,
    registry: OciRegistry,
    helper: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
) -> None:
    planted = plant(cluster, namespace, tmp_path, monkeypatch)
    bench = Bench(cluster, namespace, registry, helper, tmp_path, given={"pull_secret": "registry"})
    with bench.rig() as rig:
        planted |= {"the code of a neighbour": _open_for_a_neighbour(bench, rig)}
        everything = Planted(planted, cluster.machine, bench.port)
        bench.storage.write("code.tar", [archive({"look.sh": everything.script().encode(), "code.txt": SIGHTED.encode()})])
        key, status = to_its_end(rig, rig.spec("sh look.sh >loot; echo looked", memory=256 * 2**20, disk=256 * 2**20))
        everything.secrets["the token of its own pod"] = token(tmp_path, key)
        everything.secrets["the token of a neighbour"] = token(tmp_path, NEIGHBOUR)
        (loot,) = rig.runner.collect(key, OutputRules(("loot",)))
        (pod,) = (one for one in bench.pods() if one["metadata"]["labels"].get("org.tagstone.run") == key)
        policies = cluster.all("networkpolicies", namespace)

    assert status.outcome is Outcome.SUCCEEDED
    with bench.storage.open(loot.storage_key) as file:
        seen = file.read()
    _judge(everything, seen, record_property)
    labels = pod["metadata"]["labels"]
    assert reachable(policies, labels, "169.254.169.254") is False
    assert reachable(policies, {**labels, "org.tagstone.network": "open"}, "169.254.169.254") is False
    assert reachable(policies, {**labels, "org.tagstone.network": "open"}, "93.184.216.34") is True


def test_a_hostile_build_finds_nothing_of_ours(
    cluster: Cluster,
    namespace: str,
    helper: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Any,
) -> None:
    planted = plant(cluster, namespace, tmp_path, monkeypatch)
    layout = OciLayout(tmp_path / "images", 30.0)
    bench = BuildBench(cluster, namespace, helper, push_builder(cluster), tmp_path, layout)
    spec = RunSpec(busybox_base(layout).reference, "neighbour.tar", "/workspace", (), (), bench.resources)
    secret = canary()
    bench.storage.write("neighbour.tar", [archive({"code.txt": secret.encode()})])
    bench.desk.open(NEIGHBOUR, spec)
    everything = Planted({**planted, "the code of a neighbour": secret.encode()}, cluster.machine, bench.port)
    text = rewrite(
        parse(f"FROM busybox:test\nENV SIGHT={SIGHTED}\nCOPY look.sh /look.sh\nRUN sh /look.sh >/loot; echo looked\n")
    ).text
    base = BaseImage("busybox:test", busybox_base(layout).reference)
    recipe = Recipe(text, (base,), 0, (ContextFile("look.sh", "1" * 40),), Platform(), ImageSettings(), True)
    with bench.open(), builds_with(bench.builder()) as builds:
        builds.succeeded("p-0", recipe, {"look.sh": everything.script().encode()})
        (own,) = [path.name for path in (tmp_path / "desk").iterdir() if path.name.startswith("p-0")]
        everything.secrets["the token of its own pod"] = token(tmp_path, own)
        everything.secrets["the token of a neighbour"] = token(tmp_path, NEIGHBOUR)
        with builds.builder.collect("p-0") as built, tarfile.open(fileobj=built.tar, mode="r|") as tar:
            seen = next(tar.extractfile(member).read() for member in tar if member.name == "./loot")  # type: ignore[union-attr]

    _judge(everything, seen, record_property)


def _open_for_a_neighbour(bench: Bench, rig: Rig) -> bytes:
    """A desk that is open for another run: whoever lacks its token must not get its code."""
    secret = canary().encode()
    bench.storage.write("neighbour.tar", [archive({"code.txt": secret})])
    spec = rig.spec("true")
    bench.desk().open(NEIGHBOUR, RunSpec(spec.image, "neighbour.tar", spec.workdir, (), (), spec.resources))
    return secret


def _judge(everything: Planted, seen: bytes, record_property: Any) -> None:
    record_property("said", f"{len(everything.secrets)} secrets, none of them in {len(seen)} bytes")
    # It looked well: it saw its own, and was answered by the desk.
    assert SIGHTED.encode() in seen
    assert seen.count(b"401 Unauthorized") == 4
    assert everything.found_in(seen) == []
    assert b"eyJhbGciOi" not in seen
    assert b"docker.sock" not in seen
    assert b"containerd.sock" not in seen
