"""What letters and DOIs go through, in memory; each can be told to fail."""

from collections import deque
from dataclasses import dataclass, field

from tagstone.errors import TagstoneError


@dataclass
class FakeMail:
    """Keeps letters as address, subject, text; `failing` are the errors of the next calls, `configured` whether there is any mail."""

    letters: list[tuple[str, str, str]] = field(default_factory=list)
    failing: deque[TagstoneError] = field(default_factory=deque)
    configured: bool = True

    def send(self, address: str, subject: str, text: str) -> bool:
        if self.failing:
            raise self.failing.popleft()
        if self.configured:
            self.letters.append((address, subject, text))
        return self.configured


@dataclass
class FakeResolver:
    """Knows where DOIs lead, once it is told."""

    targets: dict[str, str] = field(default_factory=dict)
    failing: deque[TagstoneError] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)

    def target(self, doi: str) -> str | None:
        self.asked.append(doi)
        if self.failing:
            raise self.failing.popleft()
        return self.targets.get(doi)
