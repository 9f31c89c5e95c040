"""Filling a deposit, with a depository that answers badly."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository
from tagstone.actions.deposit import confirm, deposit_files
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.archived import Archived
from tagstone.errors import Away, Permanent, Temporary


@dataclass
class Bundle:
    """Files at hand, and which of them were opened."""

    content: dict[str, bytes]
    opened: list[str] = field(default_factory=list)

    def open(self, path: str) -> BinaryIO:
        self.opened.append(path)
        return io.BytesIO(self.content[path])

    @property
    def files(self) -> list[Archived]:
        return [Archived(p, len(d), recorded.sha256(d), hashlib.md5(d).hexdigest()) for p, d in sorted(self.content.items())]


@pytest.fixture
def bundle() -> Bundle:
    return Bundle({"README.md": b"read me", "outputs/a.csv": b"1,2"})


@pytest.fixture
def depository() -> FakeDepository:
    return FakeDepository()


@pytest.fixture
def draft(depository: FakeDepository) -> str:
    return depository.draft(recorded.metadata(), None).id


@pytest.fixture
def send(depository: FakeDepository, draft: str, bundle: Bundle) -> Callable[[], list[str]]:
    return lambda: [file.name for file in deposit_files(depository, draft, bundle.files, bundle.open)]


def test_every_file_is_sent(depository: FakeDepository, draft: str, send: Callable[[], list[str]]):
    assert send() == ["README.md", "outputs/a.csv"]
    assert [file.name for file in depository.list(draft)] == ["README.md", "outputs/a.csv"]


def test_what_is_there_already_is_not_sent_again(bundle: Bundle, send: Callable[[], list[str]]):
    send()
    bundle.opened.clear()
    assert send() == ["README.md", "outputs/a.csv"]
    assert bundle.opened == []


def test_what_differs_is_replaced_and_what_is_extra_is_removed(
    depository: FakeDepository, draft: str, bundle: Bundle, send: Callable[[], list[str]]
):
    send()
    depository.spoil(draft, "README.md", b"spoiled")
    depository.upload(draft, "left-over", io.BytesIO(b"x"), 1)
    bundle.opened.clear()
    send()
    assert bundle.opened == ["README.md"]
    assert [file.name for file in depository.list(draft)] == ["README.md", "outputs/a.csv"]


def test_an_answer_lost_after_an_upload_costs_no_second_upload(
    depository: FakeDepository, bundle: Bundle, send: Callable[[], list[str]]
):
    depository.lose("upload")
    assert send() == ["README.md", "outputs/a.csv"]
    assert bundle.opened == ["README.md", "outputs/a.csv"]


def test_a_file_that_did_not_arrive_is_sent_again(depository: FakeDepository, bundle: Bundle, send: Callable[[], list[str]]):
    depository.fail("upload", Temporary("connection reset"), times=2)
    assert send() == ["README.md", "outputs/a.csv"]
    assert bundle.opened == ["README.md", "README.md", "README.md", "outputs/a.csv"]


def test_what_never_arrives_is_given_up_for_now(depository: FakeDepository, bundle: Bundle, send: Callable[[], list[str]]):
    depository.fail("upload", Temporary("connection reset"), times=3)
    with pytest.raises(Temporary):
        send()


def test_a_depository_that_is_away_is_not_asked_again_at_once(
    depository: FakeDepository, bundle: Bundle, send: Callable[[], list[str]]
):
    depository.fail("upload", Away("429"))
    with pytest.raises(Away):
        send()
    assert bundle.opened == ["README.md"]


def test_the_readme_goes_first_and_what_is_sent_is_told_before(depository: FakeDepository, draft: str, bundle: Bundle):
    bundle.content = {"A.csv": b"1", **bundle.content}
    told: list[str] = []
    sent = deposit_files(depository, draft, bundle.files, bundle.open, lambda files: told.extend(file.path for file in files))
    assert next(sent).name == "README.md"
    assert told == ["README.md", "A.csv", "outputs/a.csv"]


def test_a_file_that_changed_on_its_way_is_removed_and_tried_again(
    depository: FakeDepository, draft: str, bundle: Bundle, send: Callable[[], list[str]]
):
    files, bundle.content["README.md"] = bundle.files, b"rEad me"
    with pytest.raises(Temporary):
        list(deposit_files(depository, draft, files, bundle.open))
    assert depository.list(draft) == []


def test_confirming_finds_what_the_record_does_not_hold(
    depository: FakeDepository, draft: str, bundle: Bundle, send: Callable[[], list[str]]
):
    send()
    with pytest.raises(Temporary):
        confirm(depository, depository, draft, bundle.files)
    depository.publish(draft)
    assert confirm(depository, depository, draft, bundle.files).state is DepositState.PUBLISHED
    depository.spoil(draft, "outputs/a.csv", b"9,9")
    with pytest.raises(Permanent, match=r"outputs/a\.csv"):
        confirm(depository, depository, draft, bundle.files)
