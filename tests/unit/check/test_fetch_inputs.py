"""Inputs are fetched once, kept by checksum, and refused when they are not what was promised."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tagstone.actions.fetch_inputs import fetch_inputs
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.domain.manifest_sections import Input
from tagstone.errors import Invalid, Temporary

DATA = b"one,two\n" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


class Web:
    """A web that counts, and may break off."""

    def __init__(self, content: bytes, breaks_after: int | None = None) -> None:
        self.content = content
        self.breaks_after = breaks_after
        self.asked: list[str] = []

    @contextmanager
    def fetch(self, url: str) -> Iterator[Iterator[bytes]]:
        """The content in small pieces."""
        self.asked.append(url)
        yield self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 100):
            if self.breaks_after is not None and start >= self.breaks_after:
                raise Temporary("The web broke off.")
            yield self.content[start : start + 100]


def wanted(to: str = "data/a.csv", sha256: str = SHA256) -> Input:
    """One input of a manifest."""
    return Input.model_validate({"from": "https://example.org/a.csv", "to": to, "sha256": sha256})


def test_an_input_is_fetched_once_and_kept_by_its_checksum(tmp_path: Path) -> None:
    web, storage = Web(DATA), FolderStorage(tmp_path)
    first, second = fetch_inputs(web.fetch, storage, [wanted(), wanted("data/b.csv")])
    assert (first.path, first.size, first.sha256) == ("data/a.csv", len(DATA), SHA256)
    assert (second.path, second.storage_key) == ("data/b.csv", first.storage_key)
    assert fetch_inputs(web.fetch, storage, [wanted()]) == (first,)
    assert web.asked == ["https://example.org/a.csv"]
    with storage.open(first.storage_key) as stream:
        assert stream.read() == DATA


def test_other_bytes_than_promised_are_refused_and_not_kept(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    with pytest.raises(Invalid) as caught:
        fetch_inputs(Web(DATA + b"!").fetch, storage, [wanted()])
    assert hashlib.sha256(DATA + b"!").hexdigest() in caught.value.message
    assert storage.list("") == []


def test_a_fetch_that_breaks_off_keeps_nothing_and_may_be_tried_again(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    with pytest.raises(Temporary):
        fetch_inputs(Web(DATA, breaks_after=500).fetch, storage, [wanted()])
    assert storage.list("") == []
    assert fetch_inputs(Web(DATA).fetch, storage, [wanted()])[0].size == len(DATA)


def test_no_inputs_ask_nobody(tmp_path: Path) -> None:
    assert fetch_inputs(Web(DATA).fetch, FolderStorage(tmp_path), []) == ()
