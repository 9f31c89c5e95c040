"""What holds for every test."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Container engines leave their storage mounted on itself; a later pytest could not remove such folders."""
    yield
    below = f"{tmp_path_factory.getbasetemp()}/"
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(below)), reverse=True):
        subprocess.run(["umount", mount], check=True)
