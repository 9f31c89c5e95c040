"""Debian's docker-registry on a free loopback port."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

_CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{root}"}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass
class RunningRegistry:
    """A docker-registry process: where it listens, and the folder it keeps."""

    host: str
    root: Path


@contextmanager
def running_docker_registry(root: Path) -> Iterator[RunningRegistry]:
    """A registry that keeps everything below `root`, until the context ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "config.yml").write_text(_CONFIG.format(root=root / "data", port=port))
    with (
        (root / "log").open("wb") as log,
        subprocess.Popen(["docker-registry", "serve", str(root / "config.yml")], stdout=log, stderr=log) as process,
    ):
        try:
            for _ in range(200):
                assert process.poll() is None, (root / "log").read_text()
                try:
                    requests.get(f"http://127.0.0.1:{port}/v2/", timeout=1).raise_for_status()
                    break
                except requests.ConnectionError:
                    time.sleep(0.05)
            yield RunningRegistry(f"127.0.0.1:{port}", root / "data")
        finally:
            process.terminate()
