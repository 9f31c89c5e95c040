"""The thread that speaks to the desk, so that the keeper never waits for it: log first, then how it stands, then what is wanted."""

import threading
import time

from tagstone.domain.runs.plan import Orders
from tagstone.domain.runs.told import Keeping, Phase
from tagstone.errors import TagstoneError
from tagstone.pod.desk_client import Desk
from tagstone.pod.log import Log
from tagstone.pod.telling import insist, tell

_LOOK = 0.1  # seconds between two looks whether there is something to say
_LOG = 0.5  # seconds between two pieces of the log
_USUAL = 3.0  # seconds between two reports where nothing is new but numbers


class Messenger:
    """Tells what it was last given to say; `orders` is what the desk answered, `failure` why it will not hear of this pod again."""

    def __init__(self, desk: Desk, log: Log) -> None:
        self._desk = desk
        self._log = log
        self._keeping = Keeping()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="messenger", daemon=True)
        self.orders = Orders()
        self.failure: TagstoneError | None = None

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def say(self, keeping: Keeping) -> None:
        """Have this said when it is time."""
        self._keeping = keeping

    def finish(self, keeping: Keeping) -> bool:
        """Have this said as the last word; False where nobody heard it."""
        self._keeping = keeping
        self._finished.set()
        self._thread.join()
        return self.failure is None

    def _speak(self) -> None:
        phase, told_at, logged_at = None, 0.0, 0.0
        try:
            while True:
                last = self._finished.wait(_LOOK)
                keeping, now = self._keeping, time.monotonic()
                due = keeping.phase is not phase or now - told_at >= _USUAL
                if due or last or (now - logged_at >= _LOG and keeping.log_bytes):
                    # The log first: whoever hears of the end finds all of it.
                    self._log.send(self._desk, keeping.log_bytes)
                    logged_at = now
                if last:
                    self.orders = insist(self._desk, keeping)
                    return
                if due:
                    self._say(keeping)
                    phase, told_at = keeping.phase, now
        except TagstoneError as error:
            self.failure = error

    def _say(self, keeping: Keeping) -> None:
        if keeping.phase in (Phase.WAITING, Phase.RUNNING):
            self.orders = tell(self._desk, keeping) or self.orders
        else:
            self.orders = insist(self._desk, keeping)
