"""The image of CI jobs, built as its Containerfile says on the tests' own Debian, with a storage of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.bases import debian_base
from servers.mounts import unmount_below

CHECKOUT = Path(__file__).resolve().parents[2]
_NAME = "localhost/tagstone-ci:test"
_SECONDS = 1500


@dataclass(frozen=True)
class CiImage:
    """The image in a buildah's storage below `folder`."""

    folder: Path

    def buildah(self, *arguments: str) -> str:
        """Call buildah on that storage. The last lines of what it says are the failure."""
        place = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"), "--storage-driver", "vfs"]
        done = subprocess.run(
            ["buildah", *place, *arguments], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
        return done.stdout

    def push(self, reference: str) -> str:
        """Push it to a registry on this machine; the digest that it has there."""
        digest = self.folder / "digest"
        self.buildah("push", "--tls-verify=false", "--digestfile", str(digest), _NAME, f"docker://{reference}")
        return digest.read_text().strip()

    def add(self, package: str) -> None:
        """Put another package of Debian into it, and let it be root's."""
        container = self.buildah("from", _NAME).strip()
        script = f"apt-get update && apt-get install -y --no-install-recommends {package}"
        self.buildah("run", "--isolation", "chroot", "--user", "0", container, "sh", "-c", script)
        self.buildah("config", "--user", "0", container)
        self.buildah("commit", "--rm", container, _NAME)


@contextmanager
def ci_image(folder: Path) -> Iterator[CiImage]:
    """Build it below `folder`; its storage goes when the context ends."""
    folder.mkdir()
    image = CiImage(folder)
    registry, base = debian_base()
    secrets = {
        "site-ca": os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"),
        "pip-conf": os.environ.get("PIP_CONFIG_FILE"),
    }
    given = [part for name, path in secrets.items() if path for part in ("--secret", f"id={name},src={path}")]
    try:
        with registry.pullable(base.reference) as reference:
            image.buildah(
                "bud",
                *("--file", str(CHECKOUT / "deploy/ci/Containerfile"), "--build-arg", f"BASE={reference}", "--tag", _NAME),
                *("--tls-verify=false", "--isolation", "chroot", "--network", "host", "--layers=false", "--force-rm"),
                *given,
                str(CHECKOUT),
            )
        yield image
    finally:
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)
