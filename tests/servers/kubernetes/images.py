"""Images for a cluster's registry: ours, made as the Containerfiles of deploy/ say on the tests' own Debian."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from servers.bases import debian_base
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.programs import CACHE, ROOT, alone

_SECONDS = 1500


def push_helper(cluster: Cluster) -> str:
    """The image of deploy/pod."""
    return push_image(cluster, "pod")


def push_builder(cluster: Cluster) -> str:
    """The image of deploy/builder."""
    return push_image(cluster, "builder")


def push_image(cluster: Cluster, name: str) -> str:
    """Build an image of deploy/ and push it to a cluster's registry; its reference by digest. What did not change is not built again."""
    with alone(f"image-{name}"):
        registry, base = debian_base()
        with registry.pullable(base.reference) as reference:
            _build(name, ["--file", str(ROOT / f"deploy/{name}/Containerfile"), "--build-arg", f"BASE={reference}", str(ROOT)])
        return _push(cluster, name, "test", name)


def push_upon(cluster: Cluster, name: str, tag: str, files: Mapping[str, str]) -> str:
    """Build the Containerfile among these files on an image of deploy/ that was pushed, and push it under another tag; its reference."""
    with alone(f"image-{name}"):
        folder = cluster.folder / f"{name}-{tag}"
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        _build(f"{name}-{tag}", ["--build-arg", f"BASE={_local(name)}", str(folder)])
        return _push(cluster, name, tag, f"{name}-{tag}")


def _build(name: str, words: Sequence[str]) -> None:
    files = {
        "site-ca": os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"),
        "pip-conf": os.environ.get("PIP_CONFIG_FILE"),
    }
    secrets = [part for secret, path in files.items() if path for part in ("--secret", f"id={secret},src={path}")]
    how = ("--tls-verify=false", "--isolation", "chroot", "--network", "host", "--layers", "--tag", _local(name))
    _buildah("bud", *how, *secrets, *words)


def _push(cluster: Cluster, name: str, tag: str, local: str) -> str:
    target, digest = f"{cluster.registry}/tagstone/{name}", cluster.folder / f"{name}-{tag}-digest"
    how = ("--disable-compression", "--tls-verify=false", "--digestfile", str(digest))
    _buildah("push", *how, _local(local), f"docker://{target}:{tag}")
    return f"{target}@{digest.read_text(encoding='ascii').strip()}"


def _local(name: str) -> str:
    return f"localhost/tagstone-{name}:test"


def _buildah(*arguments: str) -> None:
    """Call buildah on a storage of its own in the cache, which keeps the layers of the last builds."""
    storage = CACHE / "images"
    place = ["--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", "overlay"]
    done = subprocess.run(
        ["buildah", *place, *arguments], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
