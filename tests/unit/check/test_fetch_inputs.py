"""Inputs are fetched once, kept by checksum, gone on with where they broke off, and refused when they are not what was promised."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.clock import FakeClock
from tagstone.actions.fetch_inputs import Fetching, fetch_inputs, measure_input
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.domain.manifests.sections import Input
from tagstone.domain.publications.policy import Policy
from tagstone.errors import Invalid, Permanent, TagstoneError, Temporary
from tagstone.ports import Download

DATA = b"one,two\n" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
URL = "https://example.org/a.csv"


@dataclass
class Web:
    """A web that counts, may break off, and goes on where the mark is still its own."""

    content: bytes = DATA
    breaks: list[int] = field(default_factory=list)
    mark: str = '"v1"'
    md5: str = ""
    announced: int | None = len(DATA)
    asked: list[tuple[str, int]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    @contextmanager
    def fetch(self, source: str, *, folder: str = "", after: int = 0, mark: str = "") -> Iterator[Download]:
        """The content in small pieces, each taking a tenth of a second."""
        start = after if mark and mark == self.mark else 0
        self.asked.append((source, start))
        end = start + self.breaks.pop(0) if self.breaks else None
        yield Download(self._pieces(start, end), start, self.announced, self.mark, self.md5)

    def _pieces(self, start: int, end: int | None) -> Iterator[bytes]:
        for place in range(start, len(self.content), 100):
            if end is not None and place >= end:
                raise Temporary("The web broke off.")
            self.clock.advance(0.1)
            yield self.content[place : place + 100]


@dataclass
class Home:
    """Where inputs are kept, and what was told."""

    folder: Path
    web: Web
    lines: list[str] = field(default_factory=list)
    heeded: int = 0
    stop: TagstoneError | None = None

    def heed(self) -> None:
        self.heeded += 1
        if self.stop:
            raise self.stop

    @property
    def storage(self) -> FolderStorage:
        return FolderStorage(self.folder / "storage")

    @property
    def fetching(self) -> Fetching:
        scratch = self.folder / "scratch"
        return Fetching(self.web, self.storage, self.web.clock, scratch, "/repository", self.lines.append, self.heed)

    def fetch(self, *items: Input, policy: Policy | None = None):
        return fetch_inputs(self.fetching, items, policy or Policy())

    def left(self) -> list[Path]:
        folder = self.folder / "scratch" / "inputs"
        return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, Web())


def wanted(to: str = "data/a.csv", source: str = URL, **more: object) -> Input:
    """One input of a manifest."""
    return Input.model_validate({"from": source, "to": to, "sha256": SHA256} | more)


def test_an_input_is_fetched_once_and_kept_by_its_checksum(home: Home) -> None:
    first, second = home.fetch(wanted(), wanted("data/b.csv"))
    assert (first.path, first.size, first.sha256) == ("data/a.csv", len(DATA), SHA256)
    assert (second.path, second.storage_key) == ("data/b.csv", first.storage_key)
    assert home.fetch(wanted()) == (first,)
    assert home.web.asked == [(URL, 0)]
    with home.storage.open(first.storage_key) as stream:
        assert stream.read() == DATA
    assert home.left() == []


def test_other_bytes_than_promised_are_refused_and_not_kept(home: Home) -> None:
    home.web.content, home.web.announced = DATA + b"!", None
    with pytest.raises(Invalid) as caught:
        home.fetch(wanted())
    assert hashlib.sha256(DATA + b"!").hexdigest() in caught.value.message
    assert home.storage.list("") == []
    assert home.left() == []


def test_an_input_without_checksum_says_how_to_get_one(home: Home) -> None:
    with pytest.raises(Invalid) as caught:
        home.fetch(wanted(sha256=None))
    assert "tagstone check --fix" in caught.value.remedy
    assert home.web.asked == []


def test_a_fetch_that_breaks_off_is_gone_on_with(home: Home) -> None:
    home.web.breaks = [500, 2000]
    for _ in range(2):
        with pytest.raises(Temporary):
            home.fetch(wanted())
    assert home.storage.list("") == []
    assert home.fetch(wanted())[0].size == len(DATA)
    assert [after for _, after in home.web.asked] == [0, 500, 2500]
    assert home.left() == []


def test_a_file_that_changed_meanwhile_is_fetched_anew(home: Home) -> None:
    home.web.content, home.web.breaks = b"x" * len(DATA), [500]
    with pytest.raises(Temporary):
        home.fetch(wanted())
    home.web.content, home.web.mark = DATA, '"v2"'
    home.fetch(wanted())
    assert [after for _, after in home.web.asked] == [0, 0]


def test_a_server_that_goes_on_with_another_file_under_the_same_mark_is_asked_anew_once(home: Home) -> None:
    home.web.content, home.web.breaks = b"x" * len(DATA), [500]
    with pytest.raises(Temporary):
        home.fetch(wanted())
    home.web.content = DATA
    home.fetch(wanted())
    assert [after for _, after in home.web.asked] == [0, 500, 0]


def test_a_file_of_another_size_than_announced_is_refused(home: Home) -> None:
    home.web.announced = len(DATA) + 1
    with pytest.raises(Permanent, match="its source says"):
        home.fetch(wanted())
    assert home.left() == []


def test_the_records_own_checksum_counts_too(home: Home) -> None:
    home.web.md5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
    assert home.fetch(wanted(source="doi:10.5281/zenodo.1/a.csv"))[0].doi == "10.5281/zenodo.1"
    home.storage.delete("sha256")
    home.web.md5 = "0" * 32
    with pytest.raises(Permanent, match="another md5"):
        measure_input(home.fetching, "doi:10.5281/zenodo.1/a.csv", "a.csv")


def test_progress_is_told_soon_at_first_and_then_seldom(home: Home) -> None:
    home.fetch(wanted())
    assert home.lines[0] == "data/a.csv: fetching (7.8 KiB)"
    assert home.lines[1] == "data/a.csv: 2.1 KiB of 7.8 KiB (26 %)"
    assert home.lines[-1] == "data/a.csv: 7.8 KiB, with the promised checksum"
    assert len(home.lines) == 4
    assert home.heeded == 7


def test_somebody_who_asks_for_a_stop_is_heard_and_nothing_is_lost(home: Home) -> None:
    home.stop = Permanent("Stopped.", remedy="")
    with pytest.raises(Permanent):
        home.fetch(wanted())
    home.stop = None
    home.fetch(wanted())
    assert home.web.asked[1][1] > 0


def test_whoever_waits_for_another_process_finds_what_it_fetched(home: Home) -> None:
    name = hashlib.sha256(URL.encode()).hexdigest()
    folder = home.folder / "scratch" / "inputs"
    folder.mkdir(parents=True)
    with (folder / f"{name}.part").open("w+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def other_is_done() -> None:
            home.storage.keep([DATA])
            fcntl.flock(held, fcntl.LOCK_UN)

        home.heed = other_is_done  # type: ignore[method-assign]
        home.fetch(wanted())
    assert home.web.asked == []


@pytest.mark.parametrize(
    ("more", "copied"),
    [
        ({}, False),
        ({"licence": "CC-BY-4.0"}, True),
        ({"licence": "CC-BY-4.0", "source": "doi:10.5281/zenodo.1/a.csv"}, False),
        ({"source": "/data/a.csv", "licence": "CC0-1.0"}, True),
    ],
)
def test_what_may_be_shared_and_has_no_doi_is_copied(home: Home, more: dict[str, str], copied: bool) -> None:
    (facts,) = home.fetch(wanted(**more))
    assert facts.copied is copied
    assert facts.licence == more.get("licence")


def test_what_is_too_large_is_not_copied(home: Home) -> None:
    (facts,) = home.fetch(wanted(licence="CC0-1.0"), policy=Policy(copied_input_bytes=10))
    assert not facts.copied


def test_relative_paths_of_two_repositories_are_two_sources(home: Home) -> None:
    home.web.breaks = [500]
    with pytest.raises(Temporary):
        home.fetch(wanted(source="data/a.csv"))
    other = Fetching(home.web, home.storage, home.web.clock, home.folder / "scratch", "/other")
    fetch_inputs(other, [wanted(source="data/a.csv")], Policy())
    assert [after for _, after in home.web.asked] == [0, 0]


def test_no_inputs_ask_nobody(home: Home) -> None:
    assert home.fetch() == ()
