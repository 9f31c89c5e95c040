"""How long is waited between looks and tries, in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Durations:
    """Every duration that is waited; `attempts` is the number of tries before trouble counts as failure."""

    poll: float = 0.2
    poll_longest: float = 2.0
    retry: float = 5.0
    retry_longest: float = 300.0
    attempts: int = 5
    recovery: float = 10.0

    def polls(self) -> Iterator[float]:
        """Waits between looks: dense at first, since most work is short, then ever thinner."""
        wait = self.poll
        while True:
            yield wait
            wait = min(wait * 1.1, self.poll_longest)

    def before_retry(self, failures: int, wanted: float = 0.0) -> float:
        """The wait before the next try after `failures` of them: doubled each time, and no shorter than was asked for."""
        return float(min(max(self.retry * 2 ** max(failures - 1, 0), wanted), self.retry_longest))
