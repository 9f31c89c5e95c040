"""One InvenioRDM over HTTP, with one token: every request of this package goes through here."""

import io
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, TypeVar, cast
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from tagstone import __version__
from tagstone.adapters.inveniordm.answers import Answer, Question, refusal, strange
from tagstone.adapters.inveniordm.gate import SHORT, SPENT, Gate, LimitReached
from tagstone.errors import Away, Forbidden, Invalid, Permanent, TagstoneError, Temporary

# Plain InvenioRDM and Zenodo both answer it; file endpoints refuse the vendor's type alone.
_ACCEPT = "application/vnd.inveniordm.v1+json, application/json;q=0.9, */*;q=0.5"
_ANSWER_BYTES = 16 * 2**20
_ANSWER_SECONDS = 300.0
_PIECE = 256 * 2**10  # a piece must get through within the seconds for connecting, also on a thin line
_CONNECTING = 20.0
_TRIES = 4
_REDIRECTS = 3
_SLOWEST = 4 * 2**20  # bytes a second at which a server puts away, after the last byte, what it was sent
_TROUBLES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.NameResolutionError,
)
_IMPOSSIBLE = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)


T = TypeVar("T")


class _Bearer(requests.auth.AuthBase):
    """Signs what goes to one server; without it requests would look into ~/.netrc by itself."""

    def __init__(self, origin: str, token: str) -> None:
        self._origin = origin
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        if _origin(str(request.url)) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """The API below `address` (such as https://zenodo.org), asked with `token`; `silence` is what ends a call, in seconds."""

    def __init__(
        self,
        session: requests.Session,
        address: str,
        token: str,
        gate: Gate,
        silence: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            raise Forbidden("The account's token is no token.", remedy="Set it anew, without quotes, spaces and line breaks.")
        self.root = address.rstrip("/").removesuffix("/api")
        self._session = session
        self._bearer = _Bearer(_origin(self.root), token)
        self._gate = gate
        self._silence = silence
        self._sleep = sleep

    def get(self, path: str, params: Mapping[str, str] | None = None, *, allowed: tuple[int, ...] = (200,)) -> Answer:
        """Ask what changes nothing, several times if need be. Raises: by the answer's status."""
        return self._patiently(lambda: self._read(self._follow(path, params), allowed))

    def open(self, path: str) -> BinaryIO:
        """The bytes at a path, read as they come. Raises: by the answer's status."""

        def begin() -> requests.Response:
            response = self._follow(path, None)
            if response.status_code != 200:
                self._read(response, ())
            return response

        return cast("BinaryIO", io.BufferedReader(_Download(self._patiently(begin)), _PIECE))

    def ask(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        allowed: tuple[int, ...],
        patience: float = 0.0,
        question: Question = Question.CHANGE,
    ) -> Answer:
        """Ask once for a change; `patience` are seconds above the usual that its answer may take. Raises: by its status.

        Temporary, where no answer came: nobody knows whether it happened.
        """
        headers = {} if document is None else {"Content-Type": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        return self._read(self._once(method, self._url(path), None, headers, body, patience), allowed, question)

    def put(self, path: str, stream: BinaryIO, size: int) -> Answer:
        """Send exactly `size` bytes of a stream, once and with constant memory. Raises: Invalid when it has fewer or more."""
        headers = {"Content-Type": "application/octet-stream"}
        body = _Upload(stream, size)
        return self._read(self._once("PUT", self._url(path), None, headers, body, size / _SLOWEST), (200,), Question.CHANGE)

    def _url(self, path: str) -> str:
        return f"{self.root}/api{path}"

    def _patiently(self, ask: Callable[[], T]) -> T:
        for tried in range(1, _TRIES):
            try:
                return ask()
            except LimitReached as error:
                if error.delay > SHORT:
                    raise
            except Temporary:
                pass
            self._sleep(random.uniform(0.5, 1.0) * 2.0 ** (tried - 1))  # noqa: S311 - only spreads tries
        return ask()

    def _follow(self, path: str, params: Mapping[str, str] | None) -> requests.Response:
        """GET, where the API's own redirects are followed: those that stay on the server."""
        url = self._url(path)
        for _ in range(_REDIRECTS + 1):
            response = self._once("GET", url, params, {}, None, 0.0)
            if response.status_code not in (301, 302, 303, 307, 308):
                return response
            response.close()
            url, params = urljoin(url, response.headers.get("Location", "")), None
            if _origin(url) != _origin(self.root):
                raise strange("it leads to another server")
        raise strange("it redirects without end")

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: "bytes | _Upload | None",
        patience: float,
    ) -> requests.Response:
        self._gate.enter()
        known = {"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": f"tagstone/{__version__}", **headers}
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                headers=known,
                data=body,
                auth=self._bearer,
                stream=True,
                allow_redirects=False,
                timeout=(min(_CONNECTING, self._silence), self._silence + patience),
                verify=self._session.verify,
            )
        except _TROUBLES as error:
            raise _trouble(error) from None
        if response.status_code == 429:
            delay = self._gate.refused(response.headers)
            response.close()
            raise LimitReached(SPENT, delay=delay)
        self._gate.heard(response.headers)
        return response

    def _read(self, response: requests.Response, allowed: tuple[int, ...], question: Question = Question.LOOK) -> Answer:
        with response:
            answer = Answer(response.status_code, response.headers, _body(response))
        if answer.status not in allowed:
            raise refusal(answer, question)
        return answer


class _Upload:
    """A stream of a known size as requests wants it: pieces, and a length that becomes the Content-Length."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        left = self._size
        while left and (piece := self._stream.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece
        if left or self._stream.read(1):
            raise Invalid(f"The file is not the {self._size} bytes that it is said to be.", remedy="Send the file again.")


class _Download(io.RawIOBase):
    """An answer's body as a file, whose troubles are ours."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]
        try:
            piece = self._response.raw.read(len(buffer))
        except _TROUBLES as error:
            raise _trouble(error) from None
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._response.close()
        super().close()


def _body(response: requests.Response) -> bytes:
    """A whole answer. Raises: Permanent for one without end, Temporary for one cut off."""
    pieces, size, ends = [], 0, time.monotonic() + _ANSWER_SECONDS
    try:
        while piece := response.raw.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > _ANSWER_BYTES or time.monotonic() > ends:
                raise strange("its answer has no end")
    except _TROUBLES as error:
        raise _trouble(error) from None
    return b"".join(pieces)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _trouble(error: Exception) -> TagstoneError:
    """Our error for the network's; only its kind is told, since its text may hold what was sent."""
    if isinstance(error, _IMPOSSIBLE):
        return Permanent("The depository's address is impossible.", remedy="Correct it in the settings.")
    reason = getattr(error.args[0], "reason", None) if error.args else None
    name = type(reason or error).__name__
    if isinstance(error, _NEVER_SENT) or isinstance(reason, _NEVER_SENT):
        return Away(f"The depository cannot be reached ({name}).")
    return Temporary(f"The depository gave no answer ({name}).")
