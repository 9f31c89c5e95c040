"""A Docker Engine of our own for tests, on a private socket; it leaves the host's bridges and firewall alone."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagstone.adapters.podman_service import answers


@contextmanager
def running_dockerd(folder: Path) -> Iterator[str]:
    """Start dockerd with all its state below `folder`; yields its socket's address."""
    socket = folder / "docker.sock"
    command = [
        "dockerd",
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
        *("--host", f"unix://{socket}", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(socket, process, folder / "log")
            yield f"unix://{socket}"
        finally:
            process.terminate()


def _wait(socket: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it listens; what is asked before it is ready waits for the answer."""
    for _ in range(1200):
        assert process.poll() is None, log.read_text()[-2000:]
        if answers(socket):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text()[-2000:])
