"""A process that dies at a chosen moment: before or after any call to the outside, before or after any commit."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from tagstone.store.session import Sessions


@dataclass
class Moments:
    """Counts moments in a file, so that they can be read after the process died, and kills the process at one of them.

    One thread after another: two that count at once would pass by the fatal moment together.
    """

    journal: Path
    fatal: int | None
    seen: int = field(default=0)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def reach(self, name: str) -> None:
        """One more moment; the last one that this process lives to see when it is the fatal one."""
        with self.one_at_a_time:
            self.seen += 1
            with self.journal.open("a") as stream:
                stream.write(f"{self.seen} {name}\n")
            if self.seen == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)


class Lethal:
    """A port whose every call is preceded and followed by a moment."""

    def __init__(self, port: object, name: str, moments: Moments, quiet: frozenset[str]) -> None:
        self._port = port
        self._name = name
        self._moments = moments
        self._quiet = quiet

    def __getattr__(self, attribute: str) -> object:
        value = getattr(self._port, attribute)
        if not callable(value) or attribute in self._quiet:
            return value

        def call(*arguments: object, **options: object) -> object:
            self._moments.reach(f"before {self._name}.{attribute}")
            answer = value(*arguments, **options)
            self._moments.reach(f"after {self._name}.{attribute}")
            return answer

        return call


class LethalSessions(Sessions):
    """Sessions whose every commit is preceded and followed by a moment."""

    def __init__(self, sessions: Sessions, moments: Moments) -> None:
        super().__init__(sessions.engine)
        self._moments = moments

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A write that may be the last thing this process does."""
        with super().write() as session:
            yield session
            self._moments.reach("before commit")
        self._moments.reach("after commit")
