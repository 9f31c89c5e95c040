"""Writing a bundle to a folder, from a real registry and a real storage."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.kept import Kept
from tagstone.domain.publications.archived import Archived
from tagstone.errors import NotFound, Permanent, Temporary

Write = Callable[[], list[Archived]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bundles" / "bundle"


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_what_was_answered_and_checks_itself(write: Write, folder: Path):
    archived = write()
    files = content(folder)
    assert {file.path: file.size for file in archived} == {path: len(data) for path, data in files.items()}
    done = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=False)
    assert done.returncode == 0
    assert os.access(folder / "reproduce.sh", os.X_OK)


def test_md5_is_answered_too(write: Write, folder: Path):
    archived = {file.path: file.md5 for file in write()}
    listed = subprocess.run(["md5sum", "code.tar"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert archived["code.tar"] == listed.split()[0]


def test_bundled_again_the_same_bytes(write: Write, folder: Path):
    first = write()
    before = content(folder)
    shutil.rmtree(folder)
    assert write() == first
    assert content(folder) == before


def test_a_whole_bundle_is_adopted(write: Write, folder: Path):
    first = write()
    inode = folder.stat().st_ino
    assert write() == first
    assert folder.stat().st_ino == inode


@pytest.mark.parametrize("damage", ["changed", "missing", "extra", "link"])
def test_a_bundle_that_is_not_whole_is_written_again(write: Write, folder: Path, damage: str):
    first = write()
    victim = folder / "outputs" / "results" / "words.txt"
    if damage == "extra":
        (folder / "extra").write_bytes(b"")
    else:
        data = victim.read_bytes()
        victim.unlink()
        if damage == "changed":
            victim.write_bytes(data.swapcase())
        if damage == "link":
            victim.symlink_to("/etc/hostname")
    assert write() == first
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    assert not (folder / "extra").exists()


def test_what_a_killed_writer_left_is_no_hindrance(write: Write, folder: Path):
    (folder.parent / ".bundle.partial" / "outputs").mkdir(parents=True)
    write()
    assert sorted(path.name for path in folder.parent.iterdir()) == [".bundle.lock", "bundle"]


def test_a_second_writer_waits(write: Write, folder: Path):
    folder.parent.mkdir(parents=True)
    with (folder.parent / ".bundle.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Temporary):
            write()
    assert write()


def test_stored_bytes_that_are_not_the_recorded_ones_are_not_bundled(write: Write, kept: Kept, folder: Path):
    kept.storage.write(kept.facts.outputs[0].storage_key, [b"something else"])
    with pytest.raises(Permanent, match="recorded"):
        write()
    assert not folder.exists()


def test_a_missing_output_leaves_nothing(write: Write, kept: Kept, folder: Path):
    kept.storage.delete(kept.facts.outputs[0].storage_key)
    with pytest.raises(NotFound):
        write()
    assert [path.name for path in folder.parent.iterdir()] == [".bundle.lock"]


def test_outputs_cannot_be_changed_through_the_bundle(write: Write, kept: Kept, folder: Path):
    write()
    for path in (folder / "outputs").rglob("*.txt"):
        path.write_bytes(b"changed")
    with kept.storage.open(kept.facts.outputs[1].storage_key) as stream:
        assert stream.read() != b"changed"


def test_skopeo_reads_the_image(bundle: Path, kept: Kept):
    assert kept.facts.image is not None
    done = subprocess.run(
        ["skopeo", "inspect", "--format", "{{.Digest}}", "oci:image"], cwd=bundle, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == kept.facts.image.image.digest
