"""Logs as they were written, read from their chunks in storage."""

from collections.abc import Iterator

from tagstone.errors import NotFound
from tagstone.ports import Storage
from tagstone.store import logs
from tagstone.store.tables import Log

_PIECE = 1 << 16


def whole(storage: Storage, log: Log) -> Iterator[bytes]:
    """Every byte of a log, as it was written, in pieces worth sending: the chunks of a quiet run are many and small."""
    piece = bytearray()
    for number in range(1, log.last + 1):
        piece += chunk(storage, log, number)
        if len(piece) >= _PIECE or number == log.last:
            yield bytes(piece)
            piece.clear()


def chunk(storage: Storage, log: Log, number: int) -> bytes:
    """One chunk of a log, empty where it is gone."""
    try:
        with storage.open(logs.chunk_key(log.publication_id, log.source, number)) as stream:
            return stream.read()
    except NotFound:
        return b""
