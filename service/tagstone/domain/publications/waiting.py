"""How long is waited between looks and tries, in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

# A server that asks for more patience than this is asked again all the same: it may not mean it.
_LONGEST_ASKED = 3600.0


@dataclass(frozen=True)
class Durations:
    """Every duration that is waited; `attempts` is the number of tries before trouble counts as failure."""

    poll: float = 0.2
    poll_longest: float = 2.0
    quiet: float = 60.0
    retry: float = 5.0
    retry_longest: float = 300.0
    attempts: int = 5
    recovery: float = 10.0
    outage: float = 7 * 86_400.0
    released: float = 3600.0
    resolves: float = 600.0
    recheck: float = 7 * 86_400.0
    curators: float = 3600.0
    pipeline: float = 86_400.0
    reconcile: float = 900.0
    credentials: float = 86_400.0

    def polls(self) -> Iterator[float]:
        """Waits between looks: dense at first, since most work is short, then ever thinner: about 3 % of what was waited."""
        wait = self.poll
        while True:
            yield wait
            wait = min(wait * 1.03, self.poll_longest)

    def before_look(self, waits: int) -> float:
        """The wait before somebody else is looked at again after `waits` looks: who takes long is asked ever more rarely."""
        return float(min(self.retry * min(1.2 ** min(waits, 100), 12), self.retry_longest))

    def before_curators(self, waits: int) -> float:
        """The wait before the next look at what curators decided, after `waits` looks: they may take months."""
        return float(min(self.retry * 1.2 ** min(waits, 100), self.curators))

    def before_return(self, waits: int, wanted: float, spread: float) -> float:
        """The wait before the next try of what is away, after `waits` of them: doubled each time, and as long as was asked for.

        `spread` (0 to 1) makes it up to a quarter longer, so that not all who wait come back at once.
        """
        wait = min(self.retry * 2 ** min(waits, 30), self.retry_longest)
        return float(max(wait, min(wanted, _LONGEST_ASKED)) * (1 + spread / 4))

    def before_retry(self, failures: int, wanted: float = 0.0) -> float:
        """The wait before the next try after `failures` of them: doubled each time, and no shorter than was asked for."""
        return float(min(max(self.retry * 2 ** max(failures - 1, 0), wanted), self.retry_longest))
