"""Bundling beside `cp` and `sha256sum` of the same bytes, and its memory with an output of 4 GiB."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.measure import seconds
from benchmarks.table import Line

_SIZE = 2**30
_LARGE = 4 * 2**30
_TIMES = 3
_MIB = 2**20
_DISK = ROOT / ".cache"


def measure(folder: Path) -> list[Line]:
    """At least 0.8 of the peer's speed with two checksums in one pass; under 200 MiB with any size."""
    # Copies of 4 GiB belong on a disk, where temporary files may lie in memory.
    _DISK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_DISK) as disk:
        return [_speed(folder), _memory(Path(disk))]


def _speed(folder: Path) -> Line:
    file, copy, place = folder / "random.bin", folder / "copy.bin", folder / "bundling"
    with file.open("wb") as sink:
        for _ in range(_SIZE // (64 * _MIB)):
            sink.write(os.urandom(64 * _MIB))
    by_hand = ["sh", "-c", 'cp "$0" "$1" && sha256sum "$1"', str(file), str(copy)]
    ours, peer = [], []
    for _ in range(_TIMES):
        ours.append(float(_program(file, place)["bundle"]))
        shutil.rmtree(place)
        peer.append(seconds(lambda: subprocess.run(by_hand, check=True, stdout=subprocess.DEVNULL)))
        copy.unlink()
    file.unlink()
    speed, other = (_SIZE / _MIB / min(tries) for tries in (ours, peer))
    return Line("bundling 1 GiB, sha256 and md5 | cp, sha256sum", speed, other, "MiB/s", ">= 0.8", speed >= 0.8 * other)


def _memory(folder: Path) -> Line:
    file, place = folder / "sparse.bin", folder / "large"
    with file.open("wb") as sink:
        sink.truncate(_LARGE)
    memory = float(_program(file, place, "--deposit")["memory"]) / _MIB
    shutil.rmtree(place)
    file.unlink()
    return Line("memory, an output of 4 GiB kept, bundled, deposited", memory, None, "MiB", "< 200 MiB", memory < 200)


def _program(*arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.large_output", *map(str, arguments)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
    return answer
