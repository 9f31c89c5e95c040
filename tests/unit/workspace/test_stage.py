"""A workspace is a fresh copy of the code with the inputs laid over it, and nothing beside."""

import io
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.storage import FakeStorage
from tagstone.adapters.workspace import discard, stage, usage
from tagstone.domain.runs.run import RunSpec
from tagstone.errors import Invalid, NotFound, Permanent

Code = Callable[..., RunSpec]


def member(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def test_code_and_inputs_are_there_and_writable_by_anyone(tmp_path: Path, storage: FakeStorage, code: Code) -> None:
    storage.write("input", [b"data"])
    spec = replace(code(("src/a.py", b"print()"), ("README", b"hi")), files=(("data/deep/in.csv", "input"),))
    stage(tmp_path / "w", spec, storage)
    assert (tmp_path / "w/src/a.py").read_bytes() == b"print()"
    assert (tmp_path / "w/src/a.py").stat().st_mtime == 1_600_000_000
    assert (tmp_path / "w/data/deep/in.csv").read_bytes() == b"data"
    for path in (tmp_path / "w").rglob("*"):
        assert path.stat().st_mode & 0o777 in ((0o777,) if path.is_dir() else (0o666, 0o777))
    assert {path.name for path in (tmp_path / "w").iterdir()} == {".home", ".tmp", "README", "data", "src"}


def test_a_program_stays_one(tmp_path: Path, storage: FakeStorage, code: Code) -> None:
    stage(tmp_path / "w", code(member("run.sh", tarfile.REGTYPE, mode=0o755), member("note", tarfile.REGTYPE)), storage)
    assert (tmp_path / "w/run.sh").stat().st_mode & 0o777 == 0o777
    assert (tmp_path / "w/note").stat().st_mode & 0o777 == 0o666


def test_an_input_replaces_a_file_of_the_code(tmp_path: Path, storage: FakeStorage, code: Code) -> None:
    storage.write("input", [b"new"])
    stage(tmp_path / "w", replace(code(("a", b"old")), files=(("a", "input"),)), storage)
    assert (tmp_path / "w/a").read_bytes() == b"new"


def test_links_are_kept_wherever_they_lead_and_nothing_is_written_through_them(
    tmp_path: Path, storage: FakeStorage, code: Code
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    stage(tmp_path / "w", code(member("out", tarfile.SYMTYPE, str(outside)), ("a", b"")), storage)
    assert (tmp_path / "w/out").readlink() == outside
    assert outside.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "members",
    [
        [("../x", b"")],
        [("/x", b"")],
        [("a/../../x", b"")],
        [member("d", tarfile.CHRTYPE)],
        [member("p", tarfile.FIFOTYPE)],
        [("a", b""), member("h", tarfile.LNKTYPE, "a")],
        [("a", b""), ("a/b", b"")],
        [(".tmp", b"a file where the run needs a folder")],
        [member(".home", tarfile.SYMTYPE, "/")],
        [member(".tmp", tarfile.SYMTYPE, "/etc")],
    ],
)
def test_code_that_does_not_fit_is_invalid_and_leaves_nothing(
    tmp_path: Path, storage: FakeStorage, code: Code, members: list[tuple[str, bytes]]
) -> None:
    with pytest.raises(Invalid):
        stage(tmp_path / "w", code(*members), storage)
    assert not (tmp_path / "w").exists()
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("place", ["link/x", "link", "folder", "file/x", "../x", "/x", ""])
def test_an_input_that_does_not_fit_is_invalid(tmp_path: Path, storage: FakeStorage, code: Code, place: str) -> None:
    storage.write("input", [b""])
    (tmp_path / "outside").mkdir()
    spec = code(member("link", tarfile.SYMTYPE, str(tmp_path / "outside")), member("folder", tarfile.DIRTYPE), ("file", b""))
    with pytest.raises(Invalid):
        stage(tmp_path / "w", replace(spec, files=((place, "input"),)), storage)
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_is_not_in_storage_is_not_found(tmp_path: Path, storage: FakeStorage, code: Code) -> None:
    with pytest.raises(NotFound):
        stage(tmp_path / "w", replace(code(), code="gone"), storage)
    with pytest.raises(NotFound):
        stage(tmp_path / "w", replace(code(), files=(("a", "gone"),)), storage)


def test_a_damaged_archive_is_permanent(tmp_path: Path, storage: FakeStorage, code: Code) -> None:
    spec = code(("a", b"x" * 5000))
    storage.content["code.tar"] = storage.content["code.tar"][:2000]
    with pytest.raises(Permanent, match="damaged"):
        stage(tmp_path / "w", spec, storage)


def test_what_a_killed_process_left_half_done_is_begun_afresh(tmp_path: Path, storage: FakeStorage, code: Code) -> None:
    (tmp_path / "w.partial").mkdir()
    (tmp_path / "w.partial/old").touch()
    stage(tmp_path / "w", code(("a", b"")), storage)
    assert not (tmp_path / "w/old").exists()
    assert not (tmp_path / "w.partial").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(alphabet="ab./\\ \n", min_size=1, max_size=12), max_size=5),
    links=st.lists(st.booleans(), max_size=5),
)
def test_no_archive_writes_outside(tmp_path: Path, names: list[str], links: list[bool]) -> None:
    storage = FakeStorage()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, link in zip(names, [*links, *[False] * 5], strict=False):
            tar.addfile(member(name, tarfile.SYMTYPE if link else tarfile.REGTYPE, "../../outside" if link else ""))
    storage.write("code.tar", [out.getvalue()])
    top = tmp_path / "top"
    discard(top)
    (top / "outside").mkdir(parents=True)
    spec = RunSpec(None, "code.tar", "/w", (), (), None)  # type: ignore[arg-type]  # neither is looked at
    with suppress(Invalid):
        stage(top / "w", spec, storage)
    assert {path.name for path in top.iterdir()} <= {"outside", "w", "w.partial"}
    assert list((top / "outside").iterdir()) == []


def test_usage_counts_blocks_and_ends_soon_after_the_limit(workspace: Path) -> None:
    (workspace / "big").write_bytes(b"x" * 100_000)
    for number in range(50):
        (workspace / f"empty{number}").touch()
    assert usage(workspace, 2**40) >= 100_000 + 50 * 4096
    assert 4096 < usage(workspace, 4096) < 200_000


def test_usage_counts_a_hard_link_once_and_a_sparse_file_as_what_it_takes(workspace: Path) -> None:
    (workspace / "a").write_bytes(b"x" * 1_000_000)
    (workspace / "b").hardlink_to(workspace / "a")
    with (workspace / "sparse").open("wb") as file:
        file.truncate(10**12)
    assert 1_000_000 <= usage(workspace, 2**40) < 1_100_000


def test_usage_follows_no_link(workspace: Path) -> None:
    (workspace / "usr").symlink_to("/usr")
    assert usage(workspace, 2**40) <= 8192


def test_folders_nested_without_end_are_over_any_limit_and_can_be_removed(workspace: Path) -> None:
    handle = os.open(workspace, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d" * 50, dir_fd=handle)
        inner = os.open("d" * 50, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    assert usage(workspace, 10**9) == 10**9 + 1
    discard(workspace)
    assert not workspace.exists()


def test_discarding_follows_no_link(tmp_path: Path, workspace: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (workspace / "link").symlink_to(kept)
    discard(workspace)
    discard(workspace)
    assert (kept / "file").exists()
