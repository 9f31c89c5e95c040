"""What was counted in the author's container, out of the notes of `hold.sh`: each line stands behind the name of its file."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tagstone.adapters import cgroups
from tagstone.adapters.workspace import discard

_FILE = re.compile(r"(?:(?:memory|cpu|cpuacct|pids)/)?[a-z]+(?:\.[a-z_]+)+")
_LONGEST = 500
_STATUS, _DRIVER = "/proc/self/status", "/proc/driver/nvidia/version"
_SMI = "nvidia-smi"


def measured(text: str, folder: Path) -> cgroups.Inside | None:
    """What a note says of hardware, limits and use; None where it makes no sense, as one that a stranger wrote.

    `folder` is for copies of the kernel's files, made anew each time.
    """
    try:
        return _measured(_by_file(text), folder)
    except (ValueError, OverflowError):
        return None


def _measured(said: dict[str, list[str]], folder: Path) -> cgroups.Inside:
    discard(folder)
    for name, lines in said.items():
        if _FILE.fullmatch(name):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("".join(f"{line}\n" for line in lines))
    folder.mkdir(exist_ok=True)
    found = cgroups.copied(folder, "\n".join(said.get(_STATUS, ())))
    gpus, driver = _gpus(said)
    granted = found.seen.granted and replace(found.seen.granted, gpus=gpus, gpu_driver=driver)
    return replace(found, seen=replace(found.seen, granted=granted))


def _by_file(text: str) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, rest = line[:_LONGEST].partition(":")
        said.setdefault(name, []).append(rest)
    return said


def _gpus(said: dict[str, list[str]]) -> tuple[tuple[str, ...], str | None]:
    """Models of the GPUs that can be opened, and their driver: as the vendor's program says, else as the kernel's module does."""
    rows = [[part.strip() for part in line.split(",")] for line in said.get(_SMI, ())]
    if rows and all(len(row) == 2 for row in rows):
        return tuple(model for model, _ in rows), rows[0][1]
    devices = set(said.get("device", ()))
    models = tuple(model for model, minor in _kernel_gpus(said) if f"/dev/nvidia{minor}" in devices)
    version = re.search(r"Kernel Module\s+(?:for \S+\s+)?([0-9][0-9.]*)", "\n".join(said.get(_DRIVER, ())))
    return models, version[1] if version and models else None


def _kernel_gpus(said: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    for name, lines in sorted(said.items()):
        if name.startswith("/proc/driver/nvidia/gpus/"):
            about = dict(line.partition(":")[::2] for line in lines)
            yield about.get("Model", "").strip(), about.get("Device Minor", "").strip()
