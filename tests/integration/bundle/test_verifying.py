"""Every byte is read again: a flipped one is found wherever it is."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository
from fakes.kept import Kept
from tagstone.actions import pack
from tagstone.actions.deposit import deposit_files
from tagstone.actions.pack import Deposited
from tagstone.actions.verify import verify_bundle, verify_deposit, verify_image
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK
from tagstone.domain.publications.archived import Archived
from tagstone.errors import NotFound

Write = Callable[[], list[Archived]]


@pytest.fixture
def archived(write: Write, bundle: Path) -> list[Archived]:
    """What was recorded of the bundle, which is there."""
    return write()


@pytest.fixture
def deposited(archived: list[Archived], bundle: Path) -> tuple[FakeDepository, str]:
    depository = FakeDepository()
    draft = depository.draft(recorded.metadata(), None).id
    list(deposit_files(depository, draft, archived, lambda path: (bundle / path).open("rb")))
    return depository, draft


def test_an_intact_bundle_is_intact(bundle: Path, archived: list[Archived]):
    report = verify_bundle(bundle, archived)
    assert report.intact
    assert (report.files, report.size) == (len(archived), sum(file.size for file in archived))
    assert report.as_text().startswith("intact: ")


def test_every_flipped_byte_is_found(bundle: Path, archived: list[Archived]):
    for file in archived:
        path = bundle / file.path
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        problems = verify_bundle(bundle, archived).problems
        assert file.path in {problem.path for problem in problems}, file.path
        path.write_bytes(data)
    assert verify_bundle(bundle, archived).intact


def test_missing_extra_and_linked_files_are_named(bundle: Path, archived: list[Archived]):
    (bundle / "code.tar").unlink()
    (bundle / "extra.txt").write_text("x")
    (bundle / "tagstone.yml").rename(bundle.parent / "elsewhere")
    (bundle / "tagstone.yml").symlink_to(bundle.parent / "elsewhere")
    report = verify_bundle(bundle, archived)
    assert [str(problem) for problem in report.problems] == [
        "bundle: missing: 'code.tar'",
        "bundle: missing: 'tagstone.yml'",
        "bundle: extra: 'extra.txt'",
        "bundle: different: 'tagstone.yml' (is no plain file)",
    ]
    assert report.as_json()["result"] == "damaged"


def test_a_list_changed_together_with_its_file_is_found_by_what_was_recorded(bundle: Path, archived: list[Archived]):
    words = bundle / "outputs" / "results" / "words.txt"
    old, new = recorded.sha256(words.read_bytes()), recorded.sha256(b"forged")
    words.write_bytes(b"forged")
    sums = (bundle / "SHA256SUMS").read_text()
    (bundle / "SHA256SUMS").write_text(sums.replace(old, new))
    assert {problem.path for problem in verify_bundle(bundle, archived).problems} == {"SHA256SUMS", "outputs/results/words.txt"}
    assert verify_bundle(bundle, ()).intact  # by its own list alone nobody could tell


def test_without_a_record_the_bundles_own_list_counts(bundle: Path):
    assert verify_bundle(bundle, ()).intact
    (bundle / "README.md").write_text("other")
    assert [problem.path for problem in verify_bundle(bundle, ()).problems] == ["README.md"]


def test_a_bundle_that_is_gone_is_not_found(tmp_path: Path):
    with pytest.raises(NotFound):
        verify_bundle(tmp_path / "nothing", ())


def test_a_damaged_list_is_a_problem_not_a_crash(bundle: Path, archived: list[Archived]):
    (bundle / "SHA256SUMS").write_bytes(b"\xff\x00garbage\n")
    assert {problem.finding.value for problem in verify_bundle(bundle, archived).problems} == {"unreadable", "different"}


def test_a_deposit_is_read_back(deposited: tuple[FakeDepository, str], archived: list[Archived]):
    depository, draft = deposited
    assert verify_deposit(depository, draft, archived).intact
    depository.spoil(draft, "logs/run.log", b"other")
    depository.delete(draft, "code.tar")
    depository.upload(draft, "extra", io.BytesIO(b"x"), 1)
    problems = verify_deposit(depository, draft, archived).problems
    assert [(problem.path, problem.finding.value) for problem in problems] == [
        ("code.tar", "missing"),
        ("extra", "extra"),
        ("logs/run.log", "different"),
    ]


def test_an_image_is_read_blob_by_blob(kept: Kept, tmp_path: Path):
    assert kept.facts.image is not None
    image = kept.facts.image.image
    assert verify_image(image, kept.registry).files == 4
    layer, config = (tmp_path / "images" / "blobs" / "sha256" / blob.digest[7:] for blob in (image.layers[0], image.config))
    data = layer.read_bytes()
    layer.write_bytes(data[:-1] + b"\x01")
    config.unlink()
    problems = verify_image(image, kept.registry).problems
    assert [(problem.path, problem.finding.value) for problem in problems] == [
        (image.config.digest, "missing"),
        (image.layers[0].digest, "different"),
    ]


@pytest.fixture
def packed(archived: list[Archived], bundle: Path, tmp_path: Path) -> Deposited:
    """What a depository is sent that takes few files and none without a byte."""
    return pack.deposited(archived, Limits(files=20, empty=False), bundle, tmp_path / "scratch" / PACK)


@pytest.fixture
def sent(packed: Deposited) -> tuple[FakeDepository, str]:
    depository = FakeDepository()
    draft = depository.draft(recorded.metadata(), None).id
    list(deposit_files(depository, draft, packed.files, packed.open))
    return depository, draft


def test_a_packed_deposit_is_read_back_whole(sent: tuple[FakeDepository, str], packed: Deposited, archived: list[Archived]):
    report = verify_deposit(*sent, archived, packed.files)
    assert report.intact
    assert report.files == len(archived) + 1


def test_in_a_packed_deposit_every_file_is_compared(
    sent: tuple[FakeDepository, str], packed: Deposited, archived: list[Archived]
):
    depository, draft = sent
    with packed.open(PACK) as stream:
        data = stream.read()
    depository.spoil(draft, PACK, data.replace(b"data\ngiven\n", b"data\ntaken\n"))
    problems = verify_deposit(depository, draft, archived, packed.files).problems
    assert [(problem.path, problem.finding.value) for problem in problems] == [
        (PACK, "different"),
        ("outputs/results/a table; $(touch pwned) 'x'.txt", "different"),
    ]


def test_a_pack_that_cannot_be_read_is_a_problem_not_a_crash(
    sent: tuple[FakeDepository, str], packed: Deposited, archived: list[Archived]
):
    depository, draft = sent
    depository.spoil(draft, PACK, b"no tar" * 200)
    problems = verify_deposit(depository, draft, archived, packed.files).problems
    findings = {problem.path: problem.finding.value for problem in problems}
    assert findings[PACK] == "different"
    assert findings["outputs/results/words.txt"] == "missing"


def test_a_pack_that_is_gone_is_missing_with_all_that_is_in_it(
    sent: tuple[FakeDepository, str], packed: Deposited, archived: list[Archived]
):
    depository, draft = sent
    depository.delete(draft, PACK)
    missing = {problem.path for problem in verify_deposit(depository, draft, archived, packed.files).problems}
    assert missing == {PACK, *({file.path for file in archived} - {file.path for file in packed.files})}


def test_a_downloaded_deposit_is_read_with_its_pack(packed: Deposited, tmp_path: Path):
    folder = tmp_path / "downloaded"
    for file in packed.files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        with packed.open(file.path) as stream:
            (folder / file.path).write_bytes(stream.read())
    assert verify_bundle(folder, ()).intact
    pack.unpack(folder)
    assert verify_bundle(folder, ()).intact
    (folder / "outputs/results/words.txt").write_bytes(b"other")
    assert [problem.path for problem in verify_bundle(folder, ()).problems] == ["outputs/results/words.txt"]


def test_a_pack_in_our_own_bundle_is_a_file_too_many(bundle: Path, archived: list[Archived]):
    (bundle / PACK).write_bytes(b"whatever")
    assert [str(problem) for problem in verify_bundle(bundle, archived).problems] == [f"bundle: extra: '{PACK}'"]
