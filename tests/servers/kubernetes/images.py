"""Images for a cluster's registry: that of the pods' helpers, built as its Containerfile says on the tests' own Debian."""

import subprocess

from servers.bases import debian_base
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.programs import CACHE, ROOT, alone

_NAME = "localhost/tagstone-pod:test"
_SECONDS = 900


def push_helper(cluster: Cluster) -> str:
    """Build the image of deploy/pod and push it to a cluster's registry; its reference by digest. What did not change is not built again."""
    digest = cluster.folder / "helper-digest"
    with alone("helper"):
        registry, base = debian_base()
        with registry.pullable(base.reference) as reference:
            _buildah(
                "bud",
                *("--file", str(ROOT / "deploy/pod/Containerfile"), "--build-arg", f"BASE={reference}", "--tag", _NAME),
                *("--tls-verify=false", "--isolation", "chroot", "--network", "host", "--layers"),
                str(ROOT),
            )
        target = f"{cluster.registry}/tagstone/pod"
        _buildah(
            "push", "--disable-compression", "--tls-verify=false", "--digestfile", str(digest), _NAME, f"docker://{target}:test"
        )
    return f"{target}@{digest.read_text(encoding='ascii').strip()}"


def _buildah(*arguments: str) -> None:
    """Call buildah on a storage of its own in the cache, which keeps the layers of the last builds."""
    storage = CACHE / "images"
    place = ["--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", "overlay"]
    done = subprocess.run(
        ["buildah", *place, *arguments], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
