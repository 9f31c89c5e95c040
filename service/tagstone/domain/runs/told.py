"""What the programs beside a run say of it from inside its pod. A stranger's code runs next to them: it is their word, not proof."""

from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.runs.hardware import Granted
from tagstone.domain.runs.run import Sample


class Phase(StrEnum):
    """How far the keeper is: it waits for the command to begin, or for its end, or brings its outputs, or has brought them."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    COLLECTING = "collecting"
    DONE = "done"


@dataclass(frozen=True)
class Problem:
    """What went wrong, as one of our errors: `kind` is invalid, not-found, permanent or temporary."""

    kind: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Staging:
    """How far code and inputs are laid out; sizes in bytes."""

    done: bool = False
    files: int = 0
    files_total: int = 0
    bytes: int = 0
    bytes_total: int = 0
    problem: Problem | None = None


@dataclass(frozen=True)
class Keeping:
    """How the author's command stands, and how far its outputs are. Times in seconds since the epoch, sizes in bytes.

    `ended_by` says who ended it (`time`, `disk`, `stop`, `taken` with its pod; empty: nobody of ours), `unstarted` why it could not be begun. `exit_code` is None
    where its container went away before it could say. `left_out` counts bytes of the log that are not kept.
    """

    phase: Phase = Phase.WAITING
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    ended_by: str = ""
    unstarted: str = ""
    oom_kills: int | None = None
    peak_memory: int | None = None
    cpu_seconds: float | None = None
    usage: tuple[Sample, ...] = ()
    granted: Granted | None = None
    log_bytes: int = 0
    left_out: int = 0
    files: int = 0
    bytes: int = 0
    problem: Problem | None = None


@dataclass(frozen=True)
class Told:
    """All that was said of a run; `heard_at` is when its pod was heard of last (seconds since the epoch)."""

    staging: Staging = Staging()
    keeping: Keeping = Keeping()
    heard_at: float | None = None

    @property
    def problem(self) -> Problem | None:
        """What went wrong with code, inputs or outputs."""
        return self.staging.problem or self.keeping.problem

    @property
    def done(self) -> bool:
        """True when nothing more will come: all that there is of outputs and log is here, or it could not be brought."""
        return self.keeping.phase is Phase.DONE or self.staging.problem is not None
