"""Hardware as asked for and as granted, in bytes, cores and seconds."""

import re
from dataclasses import dataclass

from tagstone.errors import Invalid

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_TIME = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)(Ki|Mi|Gi|Ti|k|M|G|T|)")
_SECONDS = re.compile(r"(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,9})s)?")


def parse_bytes(text: str) -> int:
    """Return bytes for a Kubernetes-style quantity such as `4Gi` or `500M`.

    Raises:
        Invalid: the text is no quantity, or is zero.
    """
    match = _BYTES.fullmatch(text)
    value = round(float(match[1]) * _UNITS[match[2]]) if match else 0
    if value <= 0:
        raise Invalid(f"{text[:40]!r} is not an amount of bytes.", remedy="Write a number and a unit, such as 512Mi or 4Gi.")
    return value


def parse_seconds(text: str) -> int:
    """Return seconds for a duration such as `90s`, `30m`, `2h` or `1d12h`.

    Raises:
        Invalid: the text is no duration, or is zero.
    """
    match = _SECONDS.fullmatch(text) if text else None
    parts = match.groups() if match else ()
    value = sum(int(n) * unit for n, unit in zip(parts, (86400, 3600, 60, 1), strict=False) if n)
    if value <= 0:
        raise Invalid(f"{text[:40]!r} is not a duration.", remedy="Write a number and a unit, such as 90s, 30m, 2h or 1d12h.")
    return value


def format_bytes(value: int) -> str:
    """Return bytes for people, in the unit of 1024 that leaves the fewest digits."""
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:.0f} {unit}" if size >= 100 or unit == "B" or size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def format_seconds(value: float) -> str:
    """Return a duration for people, such as `850 ms`, `12.3 s`, `4 min 5 s` or `2 h 3 min`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


@dataclass(frozen=True)
class Resources:
    """Hardware asked for: cores, bytes, bytes, seconds; `profile` is a kind of machine that the site has a name for."""

    cpu: float = 1.0
    memory: int = 2 * 2**30
    disk: int = 10 * 2**30
    time: int = 3600
    gpu: int = 0
    gpu_type: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class Granted:
    """Hardware that was really there, read from inside the run where `source` is `inside`, else from the engine's answer.

    Limits are None where nothing limited them. Memory in bytes. What follows `gpus` is a cluster's: the driver of its GPUs, the node,
    the image as the node named what it ran, and the pod's class of service.
    """

    source: str
    cpu_model: str | None
    cpus_visible: int
    cpu_limit: float | None
    memory_limit: int | None
    memory_total: int | None
    pids_limit: int | None
    kernel: str
    architecture: str
    gpus: tuple[str, ...] = ()
    gpu_driver: str | None = None
    node: str | None = None
    image_id: str | None = None
    qos: str | None = None
