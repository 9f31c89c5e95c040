"""Note when credentials are used: once an hour each, since it is asked for days."""

import threading
from contextlib import suppress

from tagstone.errors import Temporary
from tagstone.ports import Clock
from tagstone.store import credentials
from tagstone.store.session import Sessions

_HOUR = 3600.0


class NoteUses:
    """Remembers what it wrote down, so that most uses cost nothing."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}

    def note(self, name: str) -> None:
        """A credential is used now; a database that has no time for this loses no more than the note."""
        now = self._clock.now()
        with self._lock:
            if now - self._noted.get(name, float("-inf")) < _HOUR:
                return
            self._noted[name] = now
        with suppress(Temporary), self._sessions.write() as session:
            credentials.used(session, name, now)
