"""News of runs, from whoever hears of them to whoever waits for them in this process: what nothing is heard of need not be looked at often.

News are a hint and no promise: another process may have heard them, so whoever waits looks now and then all the same.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class News:
    """Who waits for which run; to be told from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._lock = threading.Lock()

    @property
    def awaited(self) -> list[str]:
        """The keys that somebody waits for."""
        with self._lock:
            return list(self._waiting)

    @contextmanager
    def listening(self, key: str, call: Callable[[], None]) -> Iterator[None]:
        """Have `call` called, which must not block, whenever there is news of the run `key` while the context is open."""
        with self._lock:
            self._waiting.setdefault(key, []).append(call)
        try:
            yield
        finally:
            with self._lock:
                self._waiting[key].remove(call)
                if not self._waiting[key]:
                    del self._waiting[key]

    def tell(self, key: str) -> None:
        """Tell whoever waits for `key`, or for a key that this one continues behind a hyphen: a run may be one of several."""
        with self._lock:
            while key and key not in self._waiting:
                key = key.rpartition("-")[0]
            for call in self._waiting.get(key, ()):
                call()
