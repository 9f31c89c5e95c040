"""What the service tells the programs in a run's pod to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PART = 8 * 2**20
"""Bytes of a file that are sent at once."""


@dataclass(frozen=True)
class Given:
    """Bytes that the workspace starts from; `sha256` in lower-case hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What is brought in (the archive of the code first, then a file for each of `files`, paths in the workspace), what is brought out (by
    `outputs`, patterns), and what holds meanwhile, in seconds and bytes.

    `patience` is how long the service is waited for when it does not answer.
    """

    given: tuple[Given, ...]
    files: tuple[str, ...]
    outputs: tuple[str, ...]
    time: int
    disk: int
    grace: int
    log_bytes: int
    max_files: int
    max_bytes: int
    patience: float


@dataclass(frozen=True)
class Orders:
    """What the service wants of the keeper: to end the command, and why (`time`, `disk`, `stop`; empty: it goes on).

    `gone` says that the command's container is no more, though nobody in it could say so.
    """

    end: str = ""
    gone: bool = False


def plan_from(said: Mapping[str, Any]) -> Plan:
    """The plan that JSON says."""
    known = dict(said)
    known["given"] = tuple(Given(**each) for each in known["given"])
    known["files"], known["outputs"] = tuple(known["files"]), tuple(known["outputs"])
    return Plan(**known)
