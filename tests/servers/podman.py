"""A Podman of our own for tests: what it starts is ended and removed with it."""

import os
import shutil
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagstone.adapters.engine_client import Engine
from tagstone.adapters.podman_service import PodmanService, answers


@contextmanager
def running_podman(folder: Path, idle_seconds: int = 120) -> Iterator[Engine]:
    """Start Podman's service with all its state below `folder`; yields the engine."""
    service = PodmanService(folder, idle_seconds=idle_seconds)
    service.wake()
    engine = Engine(f"unix://{service.socket}", service)
    try:
        yield engine
        for container in engine.client.containers.list(all=True):
            container.remove(force=True)
    finally:
        engine.close()
        if answers(service.socket):
            os.kill(_listener(service.socket), signal.SIGTERM)
        shutil.rmtree(service.socket.parent, ignore_errors=True)


def _listener(path: Path) -> int:
    """The process behind a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
