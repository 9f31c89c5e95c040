"""Deaths at every single moment, without a process for each: from that moment on, nothing that the thread tries has an effect.

Python tells before it opens a file to write, makes, moves or removes one, connects or sends (audit events): each of these is a moment.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_EFFECTS = {
    "os.rename",
    "os.link",
    "os.symlink",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "socket.connect",
    "http.client.send",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Killed(BaseException):
    """What a dead thread meets wherever it turns."""


@dataclass
class Life:
    """Counts moments; from the `fatal` one on there is only death."""

    fatal: int | None = None
    moments: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether it died."""
        return self.fatal is not None and len(self.moments) >= self.fatal


_lives = threading.local()
_hooked = threading.Event()


@contextmanager
def living(fatal: int | None = None) -> Iterator[Life]:
    """What this thread does in the context it does until the moment `fatal` (1 is the first), and then dies, which ends the context."""
    if not _hooked.is_set():
        _hooked.set()
        sys.addaudithook(_meet)
    _lives.life = life = Life(fatal)
    try:
        yield life
    except Killed:
        pass
    finally:
        _lives.life = None


def die_at_every_moment(act: Callable[[], object], prepare: Callable[[], object], judge: Callable[[Life], object]) -> int:
    """After each preparation let `act` die one moment later than before, and judge; how often it died before it came through."""
    fatal = 1
    while True:
        prepare()
        with living(fatal) as life:
            act()
        if not life.over:
            return fatal - 1
        judge(life)
        fatal += 1


def _meet(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _EFFECTS and event != "open":
        return
    life: Life | None = getattr(_lives, "life", None)
    if life is None or (event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING)):
        return
    if not life.over:
        life.moments.append(f"{event} {arguments[:1]}")
    if life.over:
        raise Killed
