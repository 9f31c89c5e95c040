"""Speaking to the desk, which may be away for an hour: what can be asked again is, until patience ends."""

import http.client
import io
import json
import ssl
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tagstone.domain.runs.plan import Given
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary
from tagstone.pod.place import Place

T = TypeVar("T")

_SILENCE = 60.0  # seconds
_BROKEN = 20
_JSON = {"Content-Type": "application/json"}
_SOONEST, _LATEST = 0.2, 10.0  # seconds between two tries
_KINDS: dict[int, type[TagstoneError]] = {
    400: Invalid, 401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Conflict, 413: Invalid
}  # fmt: skip
_AWAY = (OSError, http.client.HTTPException)


class Desk:
    """The desk as one pod sees it, by one connection at a time; to be used by one thread."""

    def __init__(self, place: Place, *, patience: float = 3600.0, sleep: Callable[[float], None] = time.sleep) -> None:
        address = urlsplit(place.desk)
        self._host, self._port, self._path = address.hostname or "", address.port, address.path
        self._tls = ssl.create_default_context(cafile=place.ca) if address.scheme == "https" else None
        self._headers = {"Authorization": f"Bearer {place.token.read_text().strip()}", "Tagstone-Pod": place.pod}
        self._connection: http.client.HTTPConnection | None = None
        self._sleep = sleep
        self.patience = patience

    def ask(self, method: str, what: str, said: object) -> Any:
        """Send JSON and read the answer's. Raises: Temporary when patience ended; what the desk refuses."""
        body = json.dumps(said).encode()
        return json.loads(self._patiently(lambda: self._once(method, what, body, _JSON)) or b"null")

    def put(self, what: str, body: bytes) -> Any:
        """Send bytes to a place of their own, and read the answer's JSON. Raises: as `ask`."""
        return json.loads(self._patiently(lambda: self._once("PUT", what, body, {})) or b"null")

    def tell(self, what: str, said: object) -> Any:
        """Send JSON once; None where the desk is away. Raises: what the desk refuses."""
        try:
            body = json.dumps(said).encode()
            return json.loads(self._once("POST", what, body, _JSON) or b"null")
        except (*_AWAY, Temporary):
            self.close()
            return None

    def open(self, what: str, offset: int) -> http.client.HTTPResponse:
        """Read bytes from `offset` on. Raises: as `ask`."""
        return self._patiently(lambda: self._opened(what, offset))

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _patiently(self, call: Callable[[], T]) -> T:
        began, pause = time.monotonic(), _SOONEST
        while True:
            try:
                return call()
            except (*_AWAY, Temporary) as error:
                self.close()
                if time.monotonic() - began > self.patience:
                    raise Temporary(f"The desk does not answer: {type(error).__name__}: {error}.") from error
            self._sleep(pause)
            pause = min(_LATEST, 2 * pause)

    def _opened(self, what: str, offset: int) -> http.client.HTTPResponse:
        answer = self._asked("GET", what, b"", {"Range": f"bytes={offset}-"})
        if answer.status not in (200, 206):
            raise _refused(answer.status, answer.read())
        return answer

    def _once(self, method: str, what: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        answer = self._asked(method, what, body, headers)
        said = answer.read()
        if answer.status >= 300:
            raise _refused(answer.status, said)
        return said

    def _asked(self, method: str, what: str, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connected()
        connection.request(method, f"{self._path}/{what}", body, {**self._headers, **headers})
        return connection.getresponse()

    def _connected(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=_SILENCE, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=_SILENCE)


class Stream(io.RawIOBase):
    """Bytes that were given; the last read raises Permanent when they are not those that were announced."""

    def __init__(self, desk: Desk, what: str, given: Given, arrived: Callable[[], None]) -> None:
        self._desk = desk
        self._what = what
        self._given = given
        self._arrived = arrived
        self._answer: http.client.HTTPResponse | None = None
        self._hash = sha256()
        self._broken = 0
        self.taken = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some; a connection that breaks off is opened again where it ended."""
        wanted = memoryview(buffer)[: self._given.size - self.taken]
        if not wanted:
            self._check()
            return 0
        while not (count := self._some(wanted)):
            self._break_off()
        self._hash.update(wanted[:count])
        self.taken += count
        self._broken = 0
        self._arrived()
        return count

    def finish(self) -> None:
        """Read to the end, so that all of it was checked. Raises: Permanent, Temporary."""
        rest = bytearray(2**20)
        while self.readinto(rest):
            pass

    def _some(self, wanted: memoryview) -> int:
        try:
            if self._answer is None:
                self._answer = self._desk.open(self._what, self.taken)
            return self._answer.readinto(wanted)
        except _AWAY:
            return 0

    def _break_off(self) -> None:
        self._answer = None
        self._broken += 1
        if self._broken > _BROKEN:
            raise Temporary(f"The desk broke {self._what} off {self._broken} times at byte {self.taken}.")

    def _check(self) -> None:
        if self._hash.hexdigest() != self._given.sha256:
            raise Permanent(
                f"What was given as {self._what} has another checksum than it should.",
                remedy="`tagstone retry` gives it again.",
            )


def _refused(status: int, said: bytes) -> TagstoneError:
    try:
        problem = json.loads(said)
        message, remedy = str(problem["title"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        message, remedy = f"The desk answered {status}.", "Its log says more."
    if status >= 500 or status == 429:
        return Temporary(message, remedy=remedy)
    return _KINDS.get(status, Permanent)(message, remedy=remedy)
