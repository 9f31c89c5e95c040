"""Filling a deposit and publishing it, with a depository that answers badly."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository
from tagstone.actions.deposit import confirm, deposit_files, publish_once
from tagstone.domain.archived import Archived
from tagstone.domain.deposit import DepositState
from tagstone.errors import Invalid, NotFound, Permanent, Temporary


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
    depository.upload(draft, "left-over", io.BytesIO(b""), 0)
    bundle.opened.clear()
    send()
    assert bundle.opened == ["README.md"]
    assert [file.name for file in depository.list(draft)] == ["README.md", "outputs/a.csv"]


def test_an_answer_lost_after_an_upload_costs_no_second_upload(
    depository: FakeDepository, bundle: Bundle, send: Callable[[], list[str]]
):
    depository.lose("upload")
    with pytest.raises(Temporary):
        send()
    send()
    assert bundle.opened == ["README.md", "outputs/a.csv"]


def test_a_file_that_changed_on_its_way_is_removed_and_tried_again(
    depository: FakeDepository, draft: str, bundle: Bundle, send: Callable[[], list[str]]
):
    files, bundle.content["README.md"] = bundle.files, b"rEad me"
    with pytest.raises(Temporary):
        list(deposit_files(depository, draft, files, bundle.open))
    assert depository.list(draft) == []


def test_publishing_asks_once(depository: FakeDepository, draft: str, send: Callable[[], list[str]]):
    send()
    first, second = publish_once(depository, draft), publish_once(depository, draft)
    assert first == second
    assert first.state is DepositState.PUBLISHED
    assert depository.calls("publish") == 1


def test_a_lost_answer_to_publishing_is_looked_up(depository: FakeDepository, draft: str, send: Callable[[], list[str]]):
    send()
    depository.lose("publish")
    assert publish_once(depository, draft).state is DepositState.PUBLISHED
    assert depository.calls("publish") == 1


def test_trouble_before_publishing_stays_trouble(depository: FakeDepository, draft: str, send: Callable[[], list[str]]):
    send()
    depository.fail("publish", Temporary("503"))
    with pytest.raises(Temporary):
        publish_once(depository, draft)
    assert publish_once(depository, draft).state is DepositState.PUBLISHED


def test_a_refusal_is_told(depository: FakeDepository, draft: str):
    with pytest.raises(Invalid):
        publish_once(depository, draft)


def test_a_draft_that_is_gone_is_not_found(depository: FakeDepository, draft: str):
    depository.discard(draft)
    with pytest.raises(NotFound):
        publish_once(depository, draft)


def test_confirming_finds_what_the_record_does_not_hold(
    depository: FakeDepository, draft: str, bundle: Bundle, send: Callable[[], list[str]]
):
    send()
    with pytest.raises(Temporary):
        confirm(depository, depository, draft, bundle.files)
    publish_once(depository, draft)
    assert confirm(depository, depository, draft, bundle.files).state is DepositState.PUBLISHED
    depository.spoil(draft, "outputs/a.csv", b"9,9")
    with pytest.raises(Permanent, match=r"outputs/a\.csv"):
        confirm(depository, depository, draft, bundle.files)
