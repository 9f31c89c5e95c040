"""What every Storage does."""

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagstone.errors import Invalid, NotFound
from tagstone.ports import Storage


def read(storage: Storage, key: str) -> bytes:
    with storage.open(key) as stream:
        return stream.read()


def test_what_was_written_is_read_again_with_its_checksums(storage: Storage) -> None:
    stored = storage.write("a/b.txt", [b"one ", b"two"])
    with storage.open("a/b.txt") as stream:
        assert stream.read() == b"one two"
    assert (stored.key, stored.size) == ("a/b.txt", 7)
    assert stored.sha256 == hashlib.sha256(b"one two").hexdigest()
    assert stored.md5 == hashlib.md5(b"one two").hexdigest()


def test_a_second_write_replaces_the_first(storage: Storage) -> None:
    storage.write("a", [b"old and long"])
    storage.write("a", [b"new"])
    assert read(storage, "a") == b"new"


def test_a_stream_that_breaks_leaves_what_was_there(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the sender is gone")

    storage.write("a", [b"whole"])
    with pytest.raises(RuntimeError):
        storage.write("a", broken())
    with pytest.raises(RuntimeError):
        storage.write("b", broken())
    assert read(storage, "a") == b"whole"
    assert storage.list("") == ["a"]


def test_equal_bytes_are_kept_once_under_their_checksum(storage: Storage) -> None:
    first, second = storage.keep([b"same"]), storage.keep([b"sa", b"me"])
    digest = hashlib.sha256(b"same").hexdigest()
    assert first == second
    assert storage.list("") == [f"sha256/{digest[:2]}/{digest}"]


def test_keys_are_listed_sorted_below_a_folder(storage: Storage) -> None:
    for key in ("logs/b/2", "logs/a", "logs/b/10", "logsx", "other"):
        storage.write(key, [b""])
    assert storage.list("logs") == ["logs/a", "logs/b/10", "logs/b/2"]
    assert storage.list("nothing") == []


def test_nothing_there_has_no_size_and_cannot_be_opened(storage: Storage) -> None:
    storage.write("a/b", [b"12345"])
    assert storage.size("a/b") == 5
    assert storage.size("a") is None
    assert storage.size("c") is None
    for key in ("a", "c"):
        with pytest.raises(NotFound, match="Nothing is stored"):
            storage.open(key)


def test_a_folder_or_one_key_is_deleted_and_deleting_again_is_no_error(storage: Storage) -> None:
    for key in ("a/1", "a/2", "b"):
        storage.write(key, [b"x"])
    storage.delete("a")
    storage.delete("a")
    storage.delete("b")
    assert storage.list("") == []


def test_an_opened_key_can_be_sought(storage: Storage) -> None:
    storage.write("a", [b"0123456789"])
    with storage.open("a") as stream:
        stream.seek(5)
        assert stream.read(2) == b"56"


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\0b", ".."])
def test_a_key_that_leaves_the_storage_is_invalid(storage: Storage, key: str) -> None:
    for use in (
        lambda: storage.write(key, [b"x"]),
        lambda: storage.open(key),
        lambda: storage.size(key),
        lambda: storage.delete(key),
    ):
        with pytest.raises(Invalid, match="no storage key"):
            use()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.binary(max_size=200), max_size=10))
def test_any_chunking_gives_the_same_key(storage: Storage, chunks: list[bytes]) -> None:
    assert storage.keep(chunks) == storage.keep([b"".join(chunks)])
