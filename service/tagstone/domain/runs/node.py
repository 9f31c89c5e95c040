"""A cluster's machine, as far as it matters for what may run there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

NO_SCHEDULE = ("NoSchedule", "NoExecute")
"""The effects of taints that keep away what does not tolerate them; the third, PreferNoSchedule, only asks."""


@dataclass(frozen=True)
class Taint:
    """A mark that keeps pods away which do not tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def __str__(self) -> str:
        return f"{self.key}{f'={self.value}' if self.value else ''}:{self.effect}"


@dataclass(frozen=True)
class Node:
    """One machine: what of it may be handed out (cores, bytes, counts, by the names of resources), and whom it takes.

    A `cordoned` one takes nobody new for now.
    """

    name: str
    allocatable: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    ready: bool = True
    cordoned: bool = False
