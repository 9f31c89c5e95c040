"""Every byte is read again: a flipped one is found wherever it is."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import facts as recorded
from fakes.depository import FakeDepository
from fakes.kept import Kept
from tagstone.actions.deposit import deposit_files
from tagstone.actions.verify import verify_bundle, verify_deposit, verify_image
from tagstone.domain.archived import Archived
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
