"""Inputs from where manifests say: over HTTPS, from a record that has a DOI, or from this machine's disk."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from re import compile as pattern

from urllib3.exceptions import HTTPError

from tagstone.adapters.doi_records import DoiRecords
from tagstone.adapters.https_client import Answer, HttpsClient, shown
from tagstone.adapters.local_files import open_local
from tagstone.domain.forges.remote import is_remote
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Forbidden, Invalid, Temporary
from tagstone.ports import Download

_PIECE = 2**18
_RANGE = pattern(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")


class Downloads:
    """Fetches files of at most `max_bytes`, each in at most `longest` seconds; `local` lets it read this machine's own."""

    def __init__(
        self,
        client: HttpsClient,
        records: DoiRecords,
        *,
        max_bytes: int = 50 * 10**9,
        longest: float = 86_400.0,
        local: bool = False,
    ) -> None:
        self._client = client
        self._records = records
        self._max_bytes = max_bytes
        self._longest = longest
        self._local = local

    @contextmanager
    def fetch(self, source: str, *, folder: str = "", after: int = 0, mark: str = "") -> Iterator[Download]:
        """The file at `source`, as pieces while the context is open.

        Raises:
            Forbidden: the address, or one it leads to, is not HTTPS or not public; the path leaves the folder.
            NotFound, Permanent, Temporary: what the server or the disk answered.
            Invalid: the file is larger than allowed, or a DOI stands for all versions of a record.
        """
        if source.startswith("https://"):
            with self._from_web(source, after, mark) as download:
                yield download
        elif source.startswith("doi:"):
            found = self._records.find(source)
            with self._from_web(found.address, after, mark) as download:
                yield Download(download.pieces, download.start, found.size, download.mark, found.md5)
        elif ":" not in source.partition("/")[0]:
            with self._from_disk(source, folder) as download:
                yield download
        else:
            raise Forbidden(f"{shown(source)} is not plain HTTPS.", remedy="Name an address that begins with https://.")

    @contextmanager
    def _from_disk(self, path: str, folder: str) -> Iterator[Download]:
        if not self._local or is_remote(folder):
            raise Forbidden(
                "This site reads no inputs from its own disk.", remedy="Name an https address or a DOI; see `inputs.local`."
            )
        with open_local(folder, path) as (stream, size):
            if size > self._max_bytes:
                raise _too_large(path, self._max_bytes)
            yield Download(self._bounded(path, iter(lambda: stream.read(_PIECE), b""), 0), total=size)

    @contextmanager
    def _from_web(self, url: str, after: int, mark: str) -> Iterator[Download]:
        headers = {"Range": f"bytes={after}-", "If-Range": mark} if after and mark else {}
        with self._client.get(url, headers) as answer:
            start, total = _place(answer)
            if start is not None and start in (0, after):
                yield self._download(url, answer, start, total)
                return
        # The server and we do not agree on where to go on.
        with self._client.get(url) as answer:
            yield self._download(url, answer, 0, _place(answer)[1])

    def _download(self, url: str, answer: Answer, start: int, total: int | None) -> Download:
        if total is not None and total > self._max_bytes:
            raise _too_large(shown(url), self._max_bytes)
        return Download(self._bounded(shown(url), _pieces(url, answer), start), start, total, _mark(answer))

    def _bounded(self, name: str, pieces: Iterator[bytes], start: int) -> Iterator[bytes]:
        size, end = start, time.monotonic() + self._longest
        for piece in pieces:
            size += len(piece)
            if size > self._max_bytes:
                raise _too_large(name, self._max_bytes)
            if time.monotonic() > end:
                raise Temporary(f"{name} took longer than {self._longest:.0f} s.")
            yield piece


def _pieces(url: str, answer: Answer) -> Iterator[bytes]:
    size = 0
    try:
        # `read1` hands over what has come, so that a slow server is not a silent one, and a broken one leaves what it sent.
        for piece in iter(lambda: answer.response.read1(_PIECE, decode_content=False), b""):
            size += len(piece)
            yield piece
    except HTTPError as error:
        raise Temporary(f"{shown(url)} broke off after {size} bytes ({type(error).__name__}).") from None


def _place(answer: Answer) -> tuple[int | None, int | None]:
    """Where an answer begins (None: nowhere of use), and how long the whole file is."""
    length = answer.header("Content-Length")
    if answer.status == HTTPStatus.OK:
        return 0, int(length) if length.isdigit() else None
    told = _RANGE.fullmatch(answer.header("Content-Range"))
    if answer.status == HTTPStatus.PARTIAL_CONTENT and told:
        return int(told[1]), int(told[2])
    return None, None


def _mark(answer: Answer) -> str:
    """What `If-Range` may carry: a strong ETag, else the date; nothing where the server does not serve ranges."""
    if answer.header("Accept-Ranges").lower() == "none":
        return ""
    tag = answer.header("ETag")
    found = tag if tag.startswith('"') else answer.header("Last-Modified")
    return found if len(found) <= 200 and found.isprintable() else ""


def _too_large(name: str, limit: int) -> Invalid:
    return Invalid(f"{name} is larger than {format_bytes(limit)}.", remedy="Ask those who run this site for a higher limit.")
