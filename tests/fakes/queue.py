"""A queue that remembers what was queued; it takes part in the caller's transaction only in that it can be told to fail."""

from dataclasses import dataclass, field

from tagstone.errors import Temporary


@dataclass
class FakeQueue:
    """Implements ports.WorkQueue in memory."""

    queued: list[tuple[str, str, int]] = field(default_factory=list)
    broken: bool = False

    def prepare(self) -> None:
        """Nothing to make."""

    def enqueue(self, session: object, publication_id: str, kind: str, attempt: int) -> None:
        """Remember the attempt once."""
        if self.broken:
            raise Temporary("the queue is away")
        item = (publication_id, kind, attempt)
        if item not in self.queued:
            self.queued.append(item)
