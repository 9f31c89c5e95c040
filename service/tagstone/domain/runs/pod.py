"""A pod as a cluster's API tells it, in plain values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ContainerSeen:
    """One container: `state` is waiting, running, terminated or empty; times in seconds since the epoch."""

    name: str
    state: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: float | None = None
    finished_at: float | None = None
    image_id: str = ""


@dataclass(frozen=True)
class Condition:
    """One condition of a pod or node; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class EventSeen:
    """A warning that the cluster gave about a Job or a pod."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class PodSeen:
    """One pod: `containers` are all of them, those that ran before included; `deleted` is True once somebody asked for that.

    `node_ready` is None where nobody looked.
    """

    phase: str
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    containers: tuple[ContainerSeen, ...] = ()
    node: str = ""
    qos: str = ""
    deleted: bool = False
    node_ready: bool | None = None

    def container(self, name: str) -> ContainerSeen | None:
        """The container with this name."""
        return next((one for one in self.containers if one.name == name), None)

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type."""
        return next((one for one in self.conditions if one.type == kind), None)
