"""A queue that remembers what was queued; it takes part in the caller's transaction only in that it can be told to fail."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from tagstone.errors import Temporary


@dataclass
class FakeQueue:
    """Implements ports.WorkQueue in memory."""

    queued: list[tuple[str, str, int]] = field(default_factory=list)
    deliveries: list[tuple[int, int]] = field(default_factory=list)
    broken: bool = False
    defects: set[int] = field(default_factory=set)  # the calls of `deliver`, counted from 1, that break as nobody expects
    gate: threading.Event | None = None  # what is delivered waits for it, as for a database that does not answer
    _calls: int = 0

    def prepare(self) -> None:
        """Nothing to make."""

    def open(self, poll: float) -> None:
        """Nobody looks."""

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Remember the attempt once."""
        if self.broken:
            raise Temporary("the queue is away")
        item = (publication_id, kind, attempt)
        if item not in self.queued:
            self.queued.append(item)

    def deliver_together(self, session: object, numbers: Sequence[int]) -> None:
        """Remember the first turn of each."""
        for number in numbers:
            self.deliver(session, number, 1)

    def deliver(self, session: object, number: int, turn: int) -> None:
        """Remember the turn once."""
        if self.gate is not None:
            self.gate.wait(60)
        self._calls += 1
        if self._calls in self.defects:
            raise RuntimeError("a defect")
        if self.broken:
            raise Temporary("the queue is away")
        if (number, turn) not in self.deliveries:
            self.deliveries.append((number, turn))
