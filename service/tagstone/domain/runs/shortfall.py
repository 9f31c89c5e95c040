"""Whether the hardware that was asked for is there: who hands it out may ignore what was asked, without a word."""

import re
from collections.abc import Iterator

from tagstone.domain.runs.hardware import Granted, Resources, format_bytes


def shortfalls(asked: Resources, granted: Granted) -> tuple[str, ...]:
    """What is missing of the hardware asked for, in words for people; more than was asked for is no fault."""
    return tuple(_missing(asked, granted))


def _missing(asked: Resources, granted: Granted) -> Iterator[str]:
    cores = granted.cpus_visible if granted.cpu_limit is None else min(granted.cpu_limit, granted.cpus_visible)
    if cores < asked.cpu:
        yield f"{asked.cpu:g} cores were asked for, {cores:g} are there"
    amounts = [amount for amount in (granted.memory_limit, granted.memory_total) if amount is not None]
    if amounts and min(amounts) < asked.memory:
        yield f"{format_bytes(asked.memory)} of memory were asked for, {format_bytes(min(amounts))} are there"
    if len(granted.gpus) < asked.gpu:
        yield f"{asked.gpu} GPUs were asked for, {len(granted.gpus)} are there"
    wanted = re.findall(r"[a-z0-9]+", (asked.gpu_type or "").lower())
    unlike = [gpu for gpu in granted.gpus if not all(word in gpu.lower() for word in wanted)]
    if asked.gpu and unlike:
        yield f"GPUs of the kind {asked.gpu_type} were asked for, {unlike[0]} is there"
