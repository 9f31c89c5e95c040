"""What a node consists of: each part's command line and configuration, below one folder and at one address."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

API_PORT, REGISTRY_PORT, ETCD_PORT = 6443, 5000, 2379
# Kubernetes' first container asks to be spared when memory runs out, which a root without CAP_SYS_RESOURCE may not grant.
# A node calls it several times for each container, and only once with a bundle to look at.
_RUNC = """#!/bin/sh
case " $* " in
*" --bundle "*|*" -b "*|*" --bundle="*) exec /usr/bin/python3 -IS "$0.py" "$@" ;;
*) exec /usr/sbin/runc "$@" ;;
esac
"""
_CLAMP = """
import json, os, sys
args = sys.argv[1:]
for i, word in enumerate(args):
    bundle = args[i + 1] if word in ("--bundle", "-b") else word.split("=", 1)[1] if word.startswith("--bundle=") else None
    if bundle and os.path.exists(path := os.path.join(bundle, "config.json")):
        spec = json.load(open(path))
        if (spec.get("process", {}).get("oomScoreAdj") or 0) < 0:
            spec["process"]["oomScoreAdj"] = 0
            json.dump(spec, open(path, "w"))
os.execv("/usr/sbin/runc", ["runc", *args])
"""


@dataclass(frozen=True)
class Layout:
    """Where a node is: its programs, its folder, its address (`172.31.7.2`) and the range that its pods have."""

    programs: Path
    folder: Path
    address: str
    pods: str
    cgroup: str

    @property
    def engine(self) -> str:
        """Where its Docker Engine listens."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def kubeconfig(self) -> Path:
        """What an administrator of the cluster speaks to it with."""
        return self.folder / "kubeconfig"

    @property
    def registry(self) -> str:
        """Its registry, which speaks plain HTTP."""
        return f"{self.address}:{REGISTRY_PORT}"


def commands(node: Layout) -> dict[str, Sequence[str]]:
    """The command line of each part, in the order in which they start."""
    return {
        "registry": ["docker-registry", "serve", str(node.folder / "registry.yml")],
        "engine": _engine(node),
        "etcd": _etcd(node),
        "api": _api(node),
        "controllers": _controllers(node),
        "scheduler": [
            str(node.programs / "kube-scheduler"),
            f"--kubeconfig={node.kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ],
        "kubelet": _kubelet(node),
        # Only for tests that want it: most pods speak to this machine alone.
        "services": [sys.executable, "-m", "servers.kubernetes.services", str(node.folder), node.address],
    }


def write_configuration(node: Layout, token: str) -> None:
    """Write what the parts read; `token` is the administrator's."""
    authority = node.folder / "keys/ca.crt"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "test",
                "cluster": {"server": f"https://{node.address}:{API_PORT}", "certificate-authority": str(authority)},
            }
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin", "namespace": "default"}}],
        "current-context": "test",
    }
    node.kubeconfig.write_text(json.dumps(kubeconfig))
    (node.folder / "tokens.csv").write_text(f'{token},admin,1,"system:masters"\n')
    registry = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(node.folder / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": node.registry},
    }
    (node.folder / "registry.yml").write_text(json.dumps(registry))
    runc = node.folder / "runc"
    runc.write_text(_RUNC)
    (node.folder / "runc.py").write_text(_CLAMP)
    runc.chmod(0o755)
    (node.folder / "kubelet.json").write_text(json.dumps(_kubelet_configuration(node)))


def _engine(node: Layout) -> Sequence[str]:
    return [
        "dockerd",
        *("--data-root", str(node.folder / "docker"), "--exec-root", "/run/docker", "--pidfile", "/run/dockerd.pid"),
        *("--host", node.engine, "--bridge", "pods", "--fixed-cidr", node.pods),
        *("--iptables=false", "--ip6tables=false", "--insecure-registry", node.registry),
        *("--add-runtime", f"clamped={node.folder}/runc", "--default-runtime", "clamped"),
    ]


def _etcd(node: Layout) -> Sequence[str]:
    here = f"http://127.0.0.1:{ETCD_PORT}"
    return [
        "etcd",
        *("--data-dir", str(node.folder / "etcd"), "--listen-client-urls", here, "--advertise-client-urls", here),
        *("--listen-peer-urls", f"http://127.0.0.1:{ETCD_PORT + 1}", "--unsafe-no-fsync"),
    ]


def _api(node: Layout) -> Sequence[str]:
    keys = node.folder / "keys"
    return [
        str(node.programs / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
        f"--bind-address={node.address}",
        f"--advertise-address={node.address}",
        f"--secure-port={API_PORT}",
        "--insecure-port=0",
        f"--tls-cert-file={keys}/api.crt",
        f"--tls-private-key-file={keys}/api.key",
        f"--client-ca-file={keys}/ca.crt",
        f"--kubelet-client-certificate={keys}/kubelet-client.crt",
        f"--kubelet-client-key={keys}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={keys}/accounts.pub",
        f"--service-account-signing-key-file={keys}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={node.folder}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--feature-gates=TTLAfterFinished=true",
        # What a node that is gone had to do is given up after that, where a real cluster waits five minutes.
        "--default-unreachable-toleration-seconds=15",
    ]


def _controllers(node: Layout) -> Sequence[str]:
    return [
        str(node.programs / "kube-controller-manager"),
        f"--kubeconfig={node.kubeconfig}",
        f"--service-account-private-key-file={node.folder}/keys/accounts.key",
        f"--root-ca-file={node.folder}/keys/ca.crt",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--feature-gates=TTLAfterFinished=true",
        # A test of a node that is gone has no five minutes.
        "--node-monitor-grace-period=10s",
    ]


def _kubelet(node: Layout) -> Sequence[str]:
    return [
        str(node.programs / "kubelet"),
        f"--config={node.folder}/kubelet.json",
        f"--kubeconfig={node.kubeconfig}",
        "--hostname-override=node",
        f"--node-ip={node.address}",
        f"--docker-endpoint={node.engine}",
        "--pod-infra-container-image=tagstone-test/pause:1",
        f"--root-dir={node.folder}/kubelet",
    ]


def _kubelet_configuration(node: Layout) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": f"{node.folder}/keys/ca.crt"},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [node.address],
        "clusterDomain": "cluster.local",
        "address": node.address,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "resolvConf": f"{node.folder}/resolv.conf",
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "2s",
        # What a test lacks on purpose is forgotten when it is there again.
        "evictionPressureTransitionPeriod": "1s",
        # A machine for tests is often nearly full; what runs there is small.
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
    }
