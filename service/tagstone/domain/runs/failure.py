"""Why a run on a cluster did not succeed: one kind each, whose fault it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.runs.run import Outcome


class Kind(StrEnum):
    """Everything that can end a run on a cluster, told apart."""

    EXIT_CODE = "exit-code"
    COMMAND = "command"
    OUT_OF_MEMORY = "out-of-memory"
    TIME_LIMIT = "time-limit"
    DISK_LIMIT = "disk-limit"
    STOPPED = "stopped"
    EVICTED = "evicted"
    DISRUPTED = "disrupted"
    NODE_LOST = "node-lost"
    NODE_REFUSED = "node-refused"
    IMAGE_PULL = "image-pull"
    IMAGE_NAME = "image-name"
    CONFIGURATION = "configuration"
    UNSCHEDULABLE = "unschedulable"
    QUOTA = "quota"
    ADMISSION = "admission"
    PERMISSION = "permission"
    HARDWARE = "hardware"
    CONTENT = "content"
    STAGING = "staging"
    COLLECTING = "collecting"


OUTCOMES: dict[Kind, Outcome] = {
    Kind.EXIT_CODE: Outcome.FAILED,
    Kind.COMMAND: Outcome.IMAGE,
    Kind.OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY,
    Kind.TIME_LIMIT: Outcome.TIME_LIMIT,
    Kind.DISK_LIMIT: Outcome.DISK_LIMIT,
    Kind.STOPPED: Outcome.STOPPED,
    Kind.EVICTED: Outcome.DISRUPTED,
    Kind.DISRUPTED: Outcome.DISRUPTED,
    Kind.NODE_LOST: Outcome.DISRUPTED,
    Kind.NODE_REFUSED: Outcome.DISRUPTED,
    Kind.IMAGE_PULL: Outcome.IMAGE,
    Kind.IMAGE_NAME: Outcome.IMAGE,
    Kind.CONFIGURATION: Outcome.REFUSED,
    Kind.UNSCHEDULABLE: Outcome.UNSCHEDULABLE,
    Kind.QUOTA: Outcome.REFUSED,
    Kind.ADMISSION: Outcome.REFUSED,
    Kind.PERMISSION: Outcome.REFUSED,
    Kind.HARDWARE: Outcome.HARDWARE,
    Kind.CONTENT: Outcome.FAILED,
    Kind.STAGING: Outcome.ENGINE,
    Kind.COLLECTING: Outcome.ENGINE,
}
"""How records call each kind."""


@dataclass(frozen=True)
class Failure:
    """Why a run ended or never began; `reason` is the cluster's own word for it, `remedy` what to do."""

    kind: Kind
    detail: str
    remedy: str
    reason: str = ""

    @property
    def outcome(self) -> Outcome:
        """How records call it."""
        return OUTCOMES[self.kind]

    @property
    def begun_again(self) -> bool:
        """True where it is no fault of the analysis: the same is begun again by itself."""
        return self.outcome in (Outcome.DISRUPTED, Outcome.ENGINE)


@dataclass(frozen=True)
class Patience:
    """How long a run may wait before its trouble counts as final, in seconds.

    For room in a quota, for an image that could not be pulled, and for what a node or the cluster lacks to begin it.
    """

    quota: float = 86_400.0
    image: float = 300.0
    begin: float = 300.0
