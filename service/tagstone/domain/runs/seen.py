"""What was read of a run while it was there."""

from dataclasses import dataclass, replace

from tagstone.domain.runs.hardware import Granted
from tagstone.domain.runs.run import Sample, with_sample

_SOONEST = 0.1  # seconds between two samples


@dataclass(frozen=True)
class Seen:
    """What was read while the run was there: hardware, the highest use of memory in bytes, processes killed for memory.

    `usage` are samples of what it used, `cpu_seconds` the processor time up to the last of them.
    """

    granted: Granted | None = None
    peak_memory: int | None = None
    oom_kills: int | None = None
    usage: tuple[Sample, ...] = ()
    cpu_seconds: float = 0.0

    def using(self, at: float, cpu_seconds: float, memory: int) -> "Seen":
        """The same with what was used up to `at` (seconds since the run began); nothing new so soon after the last look."""
        passed = at - (self.usage[-1].at if self.usage else 0.0)
        if passed < _SOONEST:
            return self
        cores = max(0.0, cpu_seconds - self.cpu_seconds) / passed
        return replace(self, usage=with_sample(self.usage, Sample(at, cores, memory)), cpu_seconds=cpu_seconds)
