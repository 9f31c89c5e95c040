"""Fetch a manifest's inputs once, and keep them by checksum."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from tagstone.domain.manifest_sections import Input
from tagstone.domain.record import InputFacts
from tagstone.errors import Invalid
from tagstone.ports import Storage

Fetch = Callable[[str], AbstractContextManager[Iterator[bytes]]]


def fetch_inputs(fetch: Fetch, storage: Storage, inputs: Sequence[Input]) -> tuple[InputFacts, ...]:
    """Every input in storage under its checksum; what is there already is not fetched again.

    Raises:
        Invalid: an input's bytes are not those that the manifest promises.
    """
    return tuple(_fetched(fetch, storage, item) for item in inputs)


def _fetched(fetch: Fetch, storage: Storage, item: Input) -> InputFacts:
    key = f"sha256/{item.sha256[:2]}/{item.sha256}"
    size = storage.size(key)
    if size is None:
        with fetch(item.source) as pieces:
            stored = storage.keep(_verified(pieces, item))
        key, size = stored.key, stored.size
    return InputFacts(item.source, item.to, size, item.sha256, key)


def _verified(pieces: Iterable[bytes], item: Input) -> Iterator[bytes]:
    """The pieces, with an error instead of the end when they are not what was promised: so storage keeps nothing."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != item.sha256:
        raise Invalid(
            f"The input {item.to} has another checksum than the manifest says: {digest.hexdigest()}.",
            remedy="Look whether the file changed; if this is the right one, write its new sha256 into the manifest.",
        )
