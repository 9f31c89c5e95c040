"""What every depository does: the fake, the folder, and a real InvenioRDM."""

import io
from collections.abc import Callable
from contextlib import suppress

import pytest

from fakes.depository import Both
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata, DepositState
from tagstone.errors import Conflict, Invalid, NotFound, TagstoneError

Metadata = Callable[[str], DepositMetadata]


def filled(depository: Both, metadata: DepositMetadata, series: str | None = None) -> Deposit:
    draft = depository.draft(metadata, series)
    depository.upload(draft.id, "README.md", io.BytesIO(b"hello"), 5)
    return draft


def content(depository: Both, deposit: str, name: str) -> bytes:
    with depository.open(deposit, name) as stream:
        return stream.read()


def published(depository: Both, metadata: DepositMetadata, series: str | None = None) -> Deposit:
    draft = depository.reserve(filled(depository, metadata, series).id)
    depository.publish(draft.id)
    return depository.find(draft.id)


def test_a_draft_has_a_reserved_identifier(depository: Both, metadata: Metadata):
    draft = depository.reserve(depository.draft(metadata("p1"), None).id)
    assert draft.state is DepositState.DRAFT
    assert draft.doi is not None
    assert draft.doi.startswith("10.5072/")
    assert draft.version_index == 1
    assert not draft.registered


def test_a_reserved_identifier_is_reserved_once(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None, lost=False)
    assert depository.reserve(draft.id) == depository.reserve(draft.id) == depository.find(draft.id)


def test_a_publication_finds_its_draft_again(depository: Both, metadata: Metadata):
    assert depository.draft(metadata("p1"), None) == depository.draft(metadata("p1"), None)


def test_two_publications_have_two_series(depository: Both, metadata: Metadata):
    one, two = depository.draft(metadata("p1"), None), depository.draft(metadata("p2"), None)
    dois = {depository.reserve(draft.id).doi for draft in (one, two)}
    assert len({one.id, two.id}) == len({one.series, two.series}) == len(dois) == 2


def test_publishing_keeps_the_reserved_identifier(depository: Both, metadata: Metadata):
    draft = depository.reserve(filled(depository, metadata("p1")).id)
    depository.publish(draft.id)
    record = depository.find(draft.id)
    assert record.state is DepositState.PUBLISHED
    assert record.doi == draft.doi
    assert record.concept_doi not in {None, record.doi}


def test_publishing_again_changes_nothing_whatever_it_answers(depository: Both, metadata: Metadata):
    record = published(depository, metadata("p1"))
    with suppress(TagstoneError):
        depository.publish(record.id)
    assert depository.find(record.id) == record


def test_a_draft_without_files_is_not_published(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    with pytest.raises(Invalid):
        depository.publish(draft.id)
    assert depository.find(draft.id).state is DepositState.DRAFT


def test_a_published_publication_gets_no_second_draft(depository: Both, metadata: Metadata):
    record = published(depository, metadata("p1"))
    assert depository.draft(metadata("p1"), None).id == record.id
    assert depository.draft(metadata("p1"), record.series).state is DepositState.PUBLISHED


def test_nothing_of_a_record_changes(depository: Both, metadata: Metadata):
    record = published(depository, metadata("p1"))
    for change in (
        lambda: depository.upload(record.id, "more.txt", io.BytesIO(b"x"), 1),
        lambda: depository.upload(record.id, "README.md", io.BytesIO(b"x"), 1),
        lambda: depository.delete(record.id, "README.md"),
        lambda: depository.describe(record.id, metadata("p9")),
        lambda: depository.discard(record.id),
    ):
        with pytest.raises(Conflict):
            change()
    assert [file.name for file in depository.list(record.id)] == ["README.md"]
    assert content(depository, record.id, "README.md") == b"hello"


def test_a_second_version_shares_the_concept_identifier(depository: Both, metadata: Metadata):
    first = published(depository, metadata("p1"))
    second = published(depository, metadata("p2"), first.series)
    assert (second.series, second.concept_doi, second.version_index) == (first.series, first.concept_doi, 2)
    assert second.doi != first.doi


def test_a_second_version_waits_for_the_first(depository: Both, metadata: Metadata):
    first = depository.draft(metadata("p1"), None)
    with pytest.raises((Conflict, NotFound)):  # where only records make a series, it is not there yet
        depository.draft(metadata("p2"), first.series)


def test_a_series_has_one_draft_at_a_time(depository: Both, metadata: Metadata):
    first = published(depository, metadata("p1"))
    second = depository.draft(metadata("p2"), first.series)
    with pytest.raises(Conflict):
        depository.draft(metadata("p3"), first.series)
    assert depository.draft(metadata("p2"), first.series) == second


def test_an_unknown_series_is_not_found(depository: Both, metadata: Metadata):
    with pytest.raises(NotFound):
        depository.draft(metadata("p1"), "99999")


def test_a_draft_is_handed_on_to_another_publication(depository: Both, metadata: Metadata):
    draft = filled(depository, metadata("p1"))
    depository.describe(draft.id, metadata("p2"))
    assert depository.draft(metadata("p2"), None) == draft
    assert depository.draft(metadata("p1"), None).id != draft.id


def test_a_discarded_draft_is_missing_and_may_be_discarded_again(depository: Both, metadata: Metadata):
    draft = filled(depository, metadata("p1"))
    depository.discard(draft.id)
    depository.discard(draft.id)
    assert depository.find(draft.id).state is DepositState.MISSING
    assert depository.draft(metadata("p1"), None).state is DepositState.DRAFT


@pytest.mark.parametrize("name", ["nothing", "../x", "", "0000000000"])
def test_an_unknown_deposit_is_missing(depository: Both, metadata: Metadata, name: str):
    assert depository.find(name).state is DepositState.MISSING
    for ask in (depository.list, depository.publish, lambda n: depository.describe(n, metadata("p1"))):
        with pytest.raises(NotFound):
            ask(name)


def test_files_are_listed_with_the_depositorys_own_checksum(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    sent = depository.upload(draft.id, "outputs/b.txt", io.BytesIO(b"beta"), 4)
    depository.upload(draft.id, "outputs/a b.txt", io.BytesIO(b"a"), 1)
    assert [file.name for file in depository.list(draft.id)] == ["outputs/a b.txt", "outputs/b.txt"]
    assert depository.list(draft.id)[1] == sent
    assert sent.checksum.split(":")[0] in {"md5", "sha256"}
    assert content(depository, draft.id, "outputs/b.txt") == b"beta"


def test_names_of_files_may_be_in_any_script_and_have_folders(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    names = ["image/blobs/sha256/" + "ab" * 32, "café #1 & 100%.txt", "数据/результат?.csv", "a+b;c=d.txt"]
    for name in names:
        depository.upload(draft.id, name, io.BytesIO(name.encode()), len(name.encode()))
    assert [file.name for file in depository.list(draft.id)] == sorted(names)
    for name in names:
        assert content(depository, draft.id, name) == name.encode()
        depository.delete(draft.id, name)
    assert depository.list(draft.id) == []


def test_a_file_without_a_byte_is_taken_or_refused(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    with suppress(Invalid):
        depository.upload(draft.id, "empty", io.BytesIO(b""), 0)
        assert content(depository, draft.id, "empty") == b""
    depository.upload(draft.id, "x", io.BytesIO(b"x"), 1)
    depository.publish(draft.id)
    assert depository.find(draft.id).state is DepositState.PUBLISHED


def test_an_upload_replaces_what_has_its_name(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    first = depository.upload(draft.id, "x", io.BytesIO(b"one"), 3)
    second = depository.upload(draft.id, "x", io.BytesIO(b"other"), 5)
    assert first.checksum != second.checksum
    assert depository.list(draft.id) == [second]


def test_an_upload_that_is_cut_off_leaves_nothing(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    with pytest.raises(Invalid):
        depository.upload(draft.id, "x", io.BytesIO(b"abc"), 10)
    assert depository.list(draft.id) == []


def test_a_file_name_that_leaves_the_deposit_is_refused(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    for name in ("../escape", "/etc/passwd", "a/../../b"):
        with pytest.raises(Invalid):
            depository.upload(draft.id, name, io.BytesIO(b"x"), 1)


def test_a_file_is_deleted_from_a_draft_and_nothing_there_is_no_error(depository: Both, metadata: Metadata):
    draft = filled(depository, metadata("p1"))
    depository.delete(draft.id, "README.md")
    depository.delete(draft.id, "README.md")
    assert depository.list(draft.id) == []
    with pytest.raises(NotFound):
        depository.open(draft.id, "README.md")


def test_a_second_version_takes_over_the_files_of_the_first(depository: Both, metadata: Metadata):
    first = published(depository, metadata("p1"))
    second = depository.draft(metadata("p2"), first.series)
    depository.carry_over(second.id)
    assert depository.list(second.id) == depository.list(first.id)
    depository.upload(second.id, "README.md", io.BytesIO(b"other"), 5)
    depository.carry_over(second.id)
    assert content(depository, second.id, "README.md") == b"other"
    assert content(depository, first.id, "README.md") == b"hello"


def test_a_first_version_has_no_files_to_take_over(depository: Both, metadata: Metadata):
    draft = depository.draft(metadata("p1"), None)
    depository.carry_over(draft.id)
    assert depository.list(draft.id) == []


def test_the_newest_record_of_a_series_is_found_by_series_and_concept_identifier(depository: Both, metadata: Metadata):
    first = published(depository, metadata("p1"))
    second = published(depository, metadata("p2"), first.series)
    assert second.concept_doi is not None
    assert depository.latest(first.series) == depository.latest(second.concept_doi) == second
    assert depository.latest("no-such-series") is None


def test_a_record_may_be_described_anew_under_the_same_identifier(depository: Both, metadata: Metadata):
    record = published(depository, metadata("p1"))
    depository.amend(record.id, metadata("p1"))
    depository.amend(record.id, metadata("p1"))
    assert depository.find(record.id) == record
    assert content(depository, record.id, "README.md") == b"hello"
    with pytest.raises(Conflict):
        depository.amend(filled(depository, metadata("p2")).id, metadata("p2"))


def test_another_process_sees_everything(opened: Callable[[], Both], metadata: Metadata):
    one, two = opened(), opened()
    draft = filled(one, metadata("p1"))
    assert two.draft(metadata("p1"), None) == draft
    two.publish(draft.id)
    assert one.find(draft.id).state is DepositState.PUBLISHED
