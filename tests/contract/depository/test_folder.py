"""What only the folder has: processes at once, and kills."""

import io
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tagstone.adapters.folder_depository import FolderDepository
from tagstone.domain.deposits.deposit import DepositMetadata, DepositState
from tagstone.errors import Conflict, Invalid

URL = "http://127.0.0.1/deposits"


def metadata(publication: str) -> DepositMetadata:
    return DepositMetadata(publication, "Wobble", "1", "2026-01-02", (), ())


def draft_one(root: Path, publication: str, series: str | None) -> str:
    try:
        return FolderDepository(root, URL).draft(metadata(publication), series).id
    except Conflict:
        return "conflict"


def upload_one(root: Path, deposit: str, name: str) -> None:
    FolderDepository(root, URL).upload(deposit, name, io.BytesIO(name.encode()), len(name))


def test_processes_that_ask_at_once_get_one_draft_and_lose_no_file(tmp_path: Path):
    names = [f"{number}.txt" for number in range(12)]
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        drafts = set(pool.map(draft_one, [tmp_path] * 8, ["p1"] * 8, [None] * 8))
        (draft,) = drafts
        list(pool.map(upload_one, [tmp_path] * 12, [draft] * 12, names))
        depository = FolderDepository(tmp_path, URL)
        assert [file.name for file in depository.list(draft)] == sorted(names)
        depository.publish(draft)
        series = depository.find(draft).series
        second = list(pool.map(draft_one, [tmp_path] * 4, ["v2", "v3", "v4", "v5"], [series] * 4))
    assert sorted(answer == "conflict" for answer in second) == [False, True, True, True]


def test_a_draft_is_not_handed_to_a_publication_that_has_one(tmp_path: Path):
    depository = FolderDepository(tmp_path, URL)
    draft = depository.draft(metadata("p1"), None)
    depository.draft(metadata("p2"), None)
    with pytest.raises(Conflict):
        depository.describe(draft.id, metadata("p2"))


class Lethal(io.BytesIO):
    """A stream in whose middle the process dies."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(3)


def killed(act: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_an_upload_killed_half_way_is_not_listed_and_can_be_done_again(tmp_path: Path):
    depository = FolderDepository(tmp_path, URL)
    draft = depository.draft(metadata("p1"), None)
    killed(lambda: depository.upload(draft.id, "x", Lethal(b"abcdef"), 6))
    assert depository.draft(metadata("p1"), None) == draft
    assert depository.list(draft.id) == []
    depository.upload(draft.id, "x", io.BytesIO(b"abcdef"), 6)
    depository.publish(draft.id)
    assert sorted(path.name for path in (tmp_path / "deposits" / draft.id).iterdir()) == ["deposit.json", "files"]


def test_what_a_killed_process_left_half_made_is_swept_away(tmp_path: Path):
    depository = FolderDepository(tmp_path, URL)
    (tmp_path / ".new-abc" / "files").mkdir(parents=True)
    (tmp_path / ".discarded-abc").mkdir()
    depository.draft(metadata("p1"), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deposits", "lock"]


def test_a_file_and_a_folder_of_one_name_is_refused(tmp_path: Path):
    depository = FolderDepository(tmp_path, URL)
    draft = depository.draft(metadata("p1"), None)
    depository.upload(draft.id, "a", io.BytesIO(b"1"), 1)
    with pytest.raises(Invalid):
        depository.upload(draft.id, "a/b", io.BytesIO(b"1"), 1)
    assert [file.name for file in depository.list(draft.id)] == ["a"]


def test_people_see_the_files_under_their_own_names(tmp_path: Path):
    depository = FolderDepository(tmp_path, URL)
    draft = depository.draft(metadata("p1"), None)
    depository.upload(draft.id, "outputs/a.csv", io.BytesIO(b"1"), 1)
    assert (tmp_path / "deposits" / draft.id / "files" / "outputs" / "a.csv").read_bytes() == b"1"
    assert draft.url == f"{URL}/{draft.id}"
    assert draft.state is DepositState.DRAFT
