"""The system's clock: the one place that reads time."""

import time


class SystemClock:
    """Time as this machine tells it."""

    def now(self) -> float:
        """Seconds since the epoch (UTC)."""
        return time.time()
