"""Outputs by glob, out of a folder that a stranger filled."""

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.storage import FakeStorage
from tagstone.adapters.outputs import collect
from tagstone.adapters.workspace import discard
from tagstone.domain.reading.globs import glob_problem, matches
from tagstone.domain.runs.run import OutputRules
from tagstone.errors import Invalid


def fill(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def paths(workspace: Path, *patterns: str, storage: FakeStorage | None = None) -> list[str]:
    return [file.path for file in collect(workspace, OutputRules(patterns), storage or FakeStorage())]


def test_patterns_match_within_one_name_and_stars_any_number_of_folders(workspace: Path) -> None:
    fill(workspace, "a.csv", "b.txt", "results/a.csv", "results/deep/b.csv", "results/deep/er/c.csv", "results/.hidden.csv")
    assert paths(workspace, "*.csv") == ["a.csv"]
    assert paths(workspace, "results/*.csv") == ["results/.hidden.csv", "results/a.csv"]
    assert paths(workspace, "results/**/*.csv", "**/b.*") == [
        "b.txt",
        "results/.hidden.csv",
        "results/a.csv",
        "results/deep/b.csv",
        "results/deep/er/c.csv",
    ]
    assert paths(workspace, "[ab].*", "result?/[!b]*.csv") == ["a.csv", "b.txt", "results/.hidden.csv", "results/a.csv"]


def test_a_folder_that_matches_means_all_in_it(workspace: Path) -> None:
    fill(workspace, "results/a", "results/deep/b", "other")
    assert paths(workspace, "results") == paths(workspace, "results/**") == ["results/a", "results/deep/b"]


def test_what_two_patterns_match_is_stored_once(workspace: Path, storage: FakeStorage) -> None:
    fill(workspace, "a.csv")
    (workspace / "b.csv").write_text("a.csv")
    found = collect(workspace, OutputRules(("*.csv", "a.*")), storage)
    assert [(file.path, file.size) for file in found] == [("a.csv", 5), ("b.csv", 5)]
    assert len(storage.content) == 1
    assert storage.content[found[0].storage_key] == b"a.csv"


def test_the_run_s_own_folders_are_never_outputs(workspace: Path) -> None:
    fill(workspace, ".home/secret", ".tmp/scratch", "a", "deep/.tmp/kept")
    assert paths(workspace, "**") == ["a", "deep/.tmp/kept"]
    with pytest.raises(Invalid, match="No file matches"):
        paths(workspace, ".home/*")


def test_a_pattern_without_a_match_is_named_with_what_is_there(workspace: Path) -> None:
    fill(workspace, "results/b.txt", "results/a.csv", "results/z/y")
    with pytest.raises(Invalid) as raised:
        paths(workspace, "results/*", "results/*.png")
    assert raised.value.message == (
        "No file matches the output pattern 'results/*.png'. There are: 'results/a.csv', 'results/b.txt', 'results/z/'."
    )
    (workspace / "away").symlink_to("/etc")
    with pytest.raises(Invalid, match=r"'away' \(a link\)"):
        paths(workspace, "away/*.conf")


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../x", "a/../../x", "", ".", "a//b", "a\0b", "~/x", "a\\b"])
def test_a_pattern_that_leaves_the_workspace_is_invalid(workspace: Path, pattern: str) -> None:
    with pytest.raises(Invalid, match="output pattern"):
        paths(workspace, pattern)


def test_links_and_devices_and_pipes_and_sockets_are_refused(workspace: Path) -> None:
    fill(workspace, "file")
    (workspace / "symlink").symlink_to("/etc/passwd")
    (workspace / "dangling").symlink_to("nowhere")
    os.link(workspace / "file", workspace / "hard")
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(workspace / "socket"))
        for name, words in {
            "symlink": "is a symbolic link",
            "dangling": "is a symbolic link",
            "hard": "is a hard link: it has 2 names",
            "pipe": "device, pipe or socket",
            "socket": "device, pipe or socket",
        }.items():
            with pytest.raises(Invalid, match=words):
                paths(workspace, name)


def test_a_folder_behind_a_link_is_not_entered(workspace: Path, tmp_path: Path) -> None:
    fill(tmp_path, "outside/secret.csv")
    (workspace / "results").symlink_to(tmp_path / "outside")
    with pytest.raises(Invalid, match="No file matches"):
        paths(workspace, "results/*.csv")
    with pytest.raises(Invalid, match="is a symbolic link"):
        paths(workspace, "**")


@pytest.mark.parametrize("name", [b"bad\xff.csv", b"new\nline.csv", b"esc\x1b[31m.csv", b"back\\slash.csv"])
def test_a_name_that_cannot_be_archived_is_refused(workspace: Path, name: bytes) -> None:
    (workspace / os.fsdecode(name)).touch()
    with pytest.raises(Invalid, match="cannot be archived"):
        paths(workspace, "*.csv")


def test_sizes_and_numbers_are_limited(workspace: Path, storage: FakeStorage) -> None:
    for name in "abc":
        (workspace / name).write_bytes(b"x" * 100)
    with (workspace / "sparse").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(Invalid, match="more than 2 outputs"):
        collect(workspace, OutputRules(("[abc]",), max_files=2), storage)
    with pytest.raises(Invalid, match="'a' has 100 B; 99 B are allowed"):
        collect(workspace, OutputRules(("[abc]",), max_file_bytes=99), storage)
    with pytest.raises(Invalid, match="more than 250 B together, counted up to 'c'"):
        collect(workspace, OutputRules(("[abc]",), max_total_bytes=250), storage)
    with pytest.raises(Invalid, match="sparse"):
        collect(workspace, OutputRules(("sparse",)), storage)
    assert len(collect(workspace, OutputRules(("[abc]",), max_files=3, max_file_bytes=100, max_total_bytes=300), storage)) == 3


def test_a_file_that_grows_while_it_is_read_is_refused(workspace: Path) -> None:
    class Growing(FakeStorage):
        def keep(self, chunks):
            with (workspace / "log").open("ab") as file:
                file.write(b"x" * 100)
            return super().keep(chunks)

    (workspace / "log").write_bytes(b"x" * 100)
    with pytest.raises(Invalid, match="grew while it was read"):
        collect(workspace, OutputRules(("log",), max_file_bytes=150), Growing())


def test_a_process_that_swaps_folders_for_links_gets_nothing_from_outside(workspace: Path, tmp_path: Path) -> None:
    fill(tmp_path, "outside/a.csv")
    (tmp_path / "outside/a.csv").write_text("secret")
    fill(workspace, "real/a.csv")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for source in ("real", "link"):
                (workspace / "results").rename(workspace / "spare")
                (workspace / source).rename(workspace / "results")
                (workspace / "spare").rename(workspace / ("link" if source == "real" else "real"))

    (workspace / "results").symlink_to(tmp_path / "outside")
    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    try:
        for _ in range(300):
            storage = FakeStorage()
            try:
                collect(workspace, OutputRules(("results/*.csv",)), storage)
            except Invalid:
                continue
            finally:
                seen |= set(storage.content.values())
    finally:
        done.set()
        thread.join()
    assert seen <= {b"real/a.csv"}


names = st.sampled_from(["a", "b.csv", ".c", "results"])
patterns = st.lists(st.sampled_from(["*", "**", "a", "*.csv", "?", "[ab]*", "results", ".c"]), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.sets(st.lists(names, min_size=1, max_size=3).map(tuple), max_size=8), pattern=patterns.map("/".join))
def test_what_the_manifest_s_globs_mean_is_what_is_collected(
    workspace: Path, files: set[tuple[str, ...]], pattern: str
) -> None:
    if glob_problem(pattern):
        return
    discard(workspace)
    workspace.mkdir()
    for parts in sorted(files, key=len, reverse=True):
        if not (workspace / Path(*parts)).is_dir():
            fill(workspace, "/".join(parts))
    every = [path for path in workspace.rglob("*") if path.is_file()]
    relative = [path.relative_to(workspace) for path in every]
    meant = {
        str(path) for path in relative if any(matches(str(part), [pattern]) for part in (path, *path.parents) if part.name)
    }
    try:
        found = set(paths(workspace, pattern))
    except Invalid:
        found = set()
    assert found == meant
