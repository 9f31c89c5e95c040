import hashlib
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagstone.domain.code.source import EntryKind
from tagstone.errors import Invalid
from tagstone.image.layers import CodeFile, code_archive, code_layer
from tagstone.image.tar import Kind
from tagstone.image.untar import Node

TIME = 1_700_000_000


def file(path, content=b"", kind=EntryKind.FILE):
    return CodeFile(path, kind, content, len(content))


def listing(write, *arguments, **named):
    out = io.BytesIO()
    written = write(*arguments, out, **named)
    assert written.digest == "sha256:" + hashlib.sha256(out.getvalue()).hexdigest()
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return archive.getmembers()


FILES = [
    file("a-b", b"1"),
    file("a/run.sh", b"22", EntryKind.EXECUTABLE),
    file("a/to", b"../x", EntryKind.SYMLINK),
    file("lib", b"", EntryKind.SUBMODULE),
    file("lib-x", b"3"),
]


def test_the_layer_puts_the_code_at_the_work_directory():
    members = listing(code_layer, FILES, "/srv/workspace", TIME)
    assert [(m.name, m.mode, m.isdir()) for m in members] == [
        ("srv", 0o755, True),
        ("srv/workspace", 0o755, True),
        ("srv/workspace/a-b", 0o644, False),
        ("srv/workspace/a", 0o755, True),
        ("srv/workspace/a/run.sh", 0o755, False),
        ("srv/workspace/a/to", 0o777, False),
        ("srv/workspace/lib-x", 0o644, False),
        ("srv/workspace/lib", 0o755, True),
    ]
    assert {(m.uid, m.gid, m.uname, m.mtime) for m in members} == {(0, 0, "", TIME)}


def test_the_archive_has_relative_paths_and_no_prefix():
    assert [m.name for m in listing(code_archive, FILES, TIME)] == ["a-b", "a", "a/run.sh", "a/to", "lib-x", "lib"]


def test_a_link_is_kept_as_it_is():
    assert listing(code_archive, [file("x", b"/etc/passwd", EntryKind.SYMLINK)], TIME)[0].linkname == "/etc/passwd"


def test_streams_and_bytes_give_the_same_archive():
    def written(content):
        out = io.BytesIO()
        return code_archive([CodeFile("a", EntryKind.FILE, content, 3)], TIME, out)

    assert written(b"abc") == written(io.BytesIO(b"abc"))


def test_directories_above_the_work_directory_stay_what_they_are():
    home = {"home": Node(Kind.DIRECTORY, 0o711, 3, 4)}
    members = listing(code_layer, [file("x")], "/home/w", TIME, above=home)
    assert [(m.name, m.mode, m.uid) for m in members] == [("home", 0o711, 3), ("home/w", 0o755, 0), ("home/w/x", 0o644, 0)]
    assert listing(code_layer, [], "/tmp/w", TIME)[0].mode == 0o1777


def test_code_at_the_root_needs_no_directory():
    assert [m.name for m in listing(code_layer, [file("x")], "/", TIME)] == ["x"]


@pytest.mark.parametrize("path", ["/x", "../x", "a/../x", "a//x", "./x", "x\0y", ".git/config", "a/.GIT", ""])
def test_names_that_no_repository_may_have_are_refused(path):
    with pytest.raises(Invalid):
        code_archive([file(path)], TIME, io.BytesIO())


def test_names_that_read_as_whiteouts_are_refused_in_layers_only():
    code_archive([file(".wh.x")], TIME, io.BytesIO())
    with pytest.raises(Invalid, match="removes"):
        code_layer([file("a/.wh.x")], "/w", TIME, io.BytesIO())


def test_a_path_through_a_link_is_refused():
    with pytest.raises(Invalid, match="at once"):
        code_archive([file("a", b"/etc", EntryKind.SYMLINK), file("a/passwd")], TIME, io.BytesIO())


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 5000])
def test_a_link_to_an_impossible_name_is_refused(target):
    with pytest.raises(Invalid, match="impossible"):
        code_archive([file("a", target, EntryKind.SYMLINK)], TIME, io.BytesIO())


@pytest.mark.parametrize("time", [-1, 10**12])
def test_a_commit_from_an_impossible_time_is_refused(time):
    with pytest.raises(Invalid, match="time"):
        code_archive([], time, io.BytesIO())


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab-./\udcff"), max_size=6), max_size=6, unique=True), st.sets(st.integers(0, 5)))
def test_any_tree_is_written_in_order_or_refused(names, submodules):
    ordered = sorted(names, key=lambda name: name.encode("utf-8", "surrogateescape"))
    files = [file(n, b"", EntryKind.SUBMODULE if i in submodules else EntryKind.FILE) for i, n in enumerate(ordered)]
    try:
        members = listing(code_layer, files, "/workspace", TIME)
    except Invalid:
        return
    assert {m.name.removeprefix("workspace/") for m in members} >= set(names)
