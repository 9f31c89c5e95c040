"""Ways to make the fake fail: the next questions that fit are answered wrongly, or not at all."""

import re
from dataclasses import dataclass, field

from fakes.gitlab.calls import Reply


@dataclass
class Fault:
    """What happens to the next `times` questions whose `METHOD /path` fits: `reply` instead of the answer, else none comes.

    `after` lets the question have its effect first: the answer is lost, or replaced. `silence` are seconds before anything is said.
    """

    fits: re.Pattern[str]
    reply: Reply | None
    after: bool
    times: int
    silence: float = 0.0


@dataclass
class Faults:
    """Those that are set; the first that fits counts."""

    waiting: list[Fault] = field(default_factory=list)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this question, used up by one."""
        for fault in self.waiting:
            if fault.times > 0 and fault.fits.search(f"{method} {path}"):
                fault.times -= 1
                return fault
        return None

    def status(self, status: int, fits: str = "", *, times: int = 1) -> None:
        """Answer with a status, and a page as a proxy in front of GitLab sends it."""
        page = b"<html><body><h1>" + str(status).encode() + b"</h1></body></html>"
        self._add(fits, Reply(status, body=page, headers={"Content-Type": "text/html"}), times)

    def limited(self, seconds: int, fits: str = "", *, times: int = 1) -> None:
        """429 with its headers [doc: user_and_ip_rate_limits.md]."""
        headers = {"Retry-After": str(seconds), "RateLimit-Remaining": "0", "Content-Type": "text/plain"}
        self._add(fits, Reply(429, body=b"Retry later\n", headers=headers), times)

    def answers(self, reply: Reply, fits: str = "", *, times: int = 1) -> None:
        """Answer with this instead."""
        self._add(fits, reply, times)

    def lost(self, fits: str = "", *, times: int = 1) -> None:
        """Do what is asked, and lose the answer."""
        self.waiting.append(Fault(re.compile(fits), None, after=True, times=times))

    def dead(self, fits: str = "", *, times: int = 1) -> None:
        """Do nothing, and hang up."""
        self.waiting.append(Fault(re.compile(fits), None, after=False, times=times))

    def silent(self, seconds: float, fits: str = "", *, times: int = 1) -> None:
        """Say nothing for so long, then hang up."""
        self.waiting.append(Fault(re.compile(fits), None, after=False, times=times, silence=seconds))

    def clear(self) -> None:
        """No more faults."""
        self.waiting.clear()

    def _add(self, fits: str, reply: Reply, times: int) -> None:
        self.waiting.append(Fault(re.compile(fits), reply, after=False, times=times))
