"""A Docker Engine of our own for tests, on a private socket; it leaves the host's bridges and firewall alone."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running_dockerd(folder: Path) -> Iterator[str]:
    """Start dockerd with all its state below `folder`; yields its socket's address."""
    # Its own sockets lie deep below the exec root, and a socket's name may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="d-", ignore_cleanup_errors=True) as short:
        path = folder / "docker.sock"
        command = [
            "dockerd",
            *("--data-root", str(folder / "data"), "--exec-root", f"{short}/exec", "--pidfile", str(folder / "pid")),
            *("--host", f"unix://{path}", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
        ]
        yield from _running(command, path, folder / "log")


def _running(command: Sequence[str], path: Path, written: Path) -> Iterator[str]:
    with written.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(path, process, written)
            yield f"unix://{path}"
        finally:
            process.terminate()


def _wait(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()[-2000:]
        if _is_ready(path):
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text()[-2000:])


def _is_ready(path: Path) -> bool:
    """Ask it: at first it listens, and hangs up on whoever asks."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(60.0)
        try:
            asking.connect(str(path))
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in asking.recv(64)
        except OSError:
            return False
