"""Real Git repositories that are odd, broken or hostile."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fakes.authors import GitAuthor
from tagstone.adapters.git import GitForge
from tagstone.errors import Conflict, Forbidden, Invalid, NotFound, Permanent, TagstoneError

FILES = {"README.md": b"hello\n", "data.bin": b"\0" * 10}


WHO = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}


def _tree_of(author: GitAuthor, place: str, name: bytes, mode: bytes = b"100644") -> str:
    """A tree with one entry of any name, written past Git's own checks."""
    blob = author.git(place, "hash-object", "-w", "--stdin", stdin=b"content")
    raw = mode + b" " + name + b"\0" + bytes.fromhex(blob)
    return author.git(place, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)


def _tag_tree(author: GitAuthor, place: str, tree: str, name: str = "hostile") -> None:
    sha = author.git(place, "commit-tree", tree, stdin=b"x\n")
    author.git(place, "update-ref", f"refs/tags/{name}", sha)


def _set_traps(place: str, command: str) -> None:
    """Let everything that Git may be told to run be `command`."""
    shell = {
        "core.fsmonitor": f"{command}; false",
        "filter.evil.clean": f"{command}; cat",
        "filter.evil.smudge": f"{command}; cat",
    }
    plain = (
        "core.pager core.sshCommand core.editor core.alternateRefsCommand core.gitProxy filter.evil.process "
        "diff.evil.textconv diff.external gpg.program"
    )
    others = {
        "log.showSignature": "true",
        "commit.gpgSign": "true",
        "alias.ls-tree": f"!{command}",
        "credential.helper": f"!{command}",
        "protocol.ext.allow": "always",
        "remote.origin.url": f"ext::sh -c '{command}'",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
    }
    with Path(place, ".git", "config").open("a") as config:
        for key, value in (shell | dict.fromkeys(plain.split(), command) | others).items():
            section, _, name = key.rpartition(".")
            first, _, rest = section.partition(".")
            config.write(f'[{first} "{rest}"]\n' if rest else f"[{first}]\n")
            config.write(f'\t{name} = "{value}"\n')
    for hook in (
        "post-index-change",
        "pre-commit",
        "reference-transaction",
        "post-commit",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ):
        path = Path(place, ".git", "hooks", hook)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)


def test_nothing_that_a_repository_configures_is_run(git_author: GitAuthor, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    place = git_author.create("hostile", FILES | {".gitattributes": b"* filter=evil diff=evil text eol=crlf\n"})
    git_author.commit(place)
    git_author.tag(place, "v1", annotated=True)
    _set_traps(place, f"touch {proof}")
    git_author.write(place, {"README.md": b"changed\n", "new": b"new\r\n"})
    forge = GitForge()
    assert forge.identify(place).key.startswith("root:")
    commit = forge.resolve(place, "v1")
    list(forge.read(place, [entry.object_id for entry in forge.entries(place, commit)]))
    snapshot = forge.snapshot(place)
    contents = {entry.path: next(iter(forge.read(place, [entry.object_id]))) for entry in forge.entries(place, snapshot)}
    assert contents["new"] == b"new\r\n"
    with pytest.raises(NotFound):
        list(forge.read(place, ["0" * 40]))
    with pytest.raises(NotFound):
        forge.resolve(place, "v2")
    assert not proof.exists()
    subprocess.run(["git", "-C", place, "status"], env=WHO, capture_output=True, check=False)
    assert proof.exists(), "the trap of this test does not work"


def test_a_configured_work_tree_elsewhere_is_not_read(git_author: GitAuthor, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    place = git_author.create("hostile", FILES)
    git_author.commit(place)
    git_author.git(place, "config", "core.worktree", str(tmp_path / "private"))
    forge = GitForge()
    assert [entry.path for entry in forge.entries(place, forge.snapshot(place))] == ["README.md", "data.bin"]


@pytest.mark.parametrize("name", [b"..", b".", b".git", b".GIT", b".gIt", b"git~1", b"../../etc", b"", b"/etc"])
def test_names_that_leave_the_tree_are_refused(git_author: GitAuthor, name: bytes) -> None:
    place = git_author.create("hostile", FILES)
    git_author.commit(place)
    tree = _tree_of(git_author, place, name)
    outer = git_author.git(place, "mktree", stdin=f"040000 tree {tree}\tsub\n".encode())
    _tag_tree(git_author, place, outer)
    forge = GitForge()
    commit = forge.resolve(place, "hostile")
    with pytest.raises((Invalid, Permanent)):
        forge.entries(place, commit)


def test_a_path_that_is_file_and_folder_is_refused(git_author: GitAuthor) -> None:
    place = git_author.create("hostile", FILES)
    git_author.commit(place)
    blob = git_author.git(place, "hash-object", "-w", "--stdin", stdin=b"x")
    inner = git_author.git(place, "mktree", stdin=f"100644 blob {blob}\tb\n".encode())
    raw = b"120000 a\0" + bytes.fromhex(blob) + b"40000 a\0" + bytes.fromhex(inner)
    _tag_tree(git_author, place, git_author.git(place, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw))
    forge = GitForge()
    with pytest.raises(TagstoneError):
        forge.entries(place, forge.resolve(place, "hostile"))


def test_names_of_any_bytes_survive(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    for name in (b"new\nline", b'quo"te', b"back\\slash", b"latin-\xe9", b"tab\there", b"-dash", b"sp ace"):
        Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_bytes(name)
    git_author.commit(place)
    forge = GitForge()
    entries = forge.entries(place, forge.resolve(place, "main"))
    assert {entry.path.encode("utf-8", "surrogateescape") for entry in entries} >= {b"new\nline", b"latin-\xe9", b'quo"te'}
    assert forge.snapshot(place).tree == forge.resolve(place, "main").tree
    Path(place, "new\nline").write_text("changed")
    assert forge.snapshot(place).tree != forge.resolve(place, "main").tree


def test_a_tag_of_a_tag_stands_for_the_commit(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    sha = git_author.commit(place)
    git_author.tag(place, "inner", annotated=True)
    git_author.git(place, "tag", "-a", "-m", "x", "outer", "inner")
    assert GitForge().resolve(place, "outer").sha == sha


def test_a_tag_of_a_file_is_refused(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    git_author.git(place, "tag", "file", "HEAD:README.md")
    with pytest.raises(Invalid):
        GitForge().resolve(place, "file")


def test_a_tag_whose_name_pretends_to_be_a_full_name_is_only_found_by_that_name(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    git_author.git(place, "update-ref", "refs/tags/refs/tags/v1", "HEAD")
    with pytest.raises(NotFound):
        GitForge().resolve(place, "v1")


def test_replaced_objects_are_not_believed(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    first = git_author.commit(place)
    git_author.tag(place, "v1")
    git_author.write(place, {"README.md": b"other\n"})
    git_author.git(place, "replace", first, git_author.commit(place))
    forge = GitForge()
    entries = forge.entries(place, forge.resolve(place, "v1"))
    assert next(iter(forge.read(place, [entries[0].object_id]))) == b"hello\n"


def test_a_commit_is_found_by_its_id(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    sha = git_author.commit(place)
    assert GitForge().resolve(place, sha).sha == sha
    assert GitForge().resolve(place, sha[:10]).sha == sha
    with pytest.raises(NotFound):
        GitForge().resolve(place, "f" * 40)


def test_bare_repositories_are_read_but_have_no_work_tree(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    sha = git_author.commit(place)
    git_author.tag(place, "v1")
    git_author.git(place, "clone", "-q", "--bare", place, place + "-bare.git")
    forge = GitForge()
    identity = forge.identify(place + "-bare.git")
    assert (identity.key, identity.name) == (f"root:{sha}", "odd-bare")
    assert len(forge.entries(place + "-bare.git", forge.resolve(place + "-bare.git", "v1"))) == 2
    with pytest.raises(Invalid):
        forge.snapshot(place + "-bare.git")


def test_linked_work_trees_and_folders_inside_are_the_same_project(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES | {"sub/a": b""})
    git_author.commit(place)
    git_author.git(place, "worktree", "add", "-q", place + "-linked", "-b", "other")
    forge = GitForge()
    assert forge.identify(place + "-linked").key == forge.identify(place).key == forge.identify(place + "/sub").key
    assert forge.identify(place + "/sub").location == place
    Path(place + "-linked", "new").write_text("x")
    assert len(forge.entries(place, forge.snapshot(place + "-linked"))) == 4
    assert len(forge.entries(place, forge.snapshot(place + "/sub"))) == 3


def test_shallow_clones_are_read_and_without_origin_told(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    git_author.write(place, {"more": b""})
    sha = git_author.commit(place)
    shallow = place + "-shallow"
    git_author.git(place, "clone", "-q", "--depth=1", f"file://{place}", shallow)
    forge = GitForge()
    assert forge.resolve(shallow, "main").sha == sha
    assert len(forge.entries(shallow, forge.resolve(shallow, "main"))) == 3
    with pytest.raises(Invalid) as caught:
        forge.identify(shallow)
    assert "--unshallow" in caught.value.remedy
    git_author.git(shallow, "remote", "set-url", "origin", "https://example.org/geo/odd.git")
    assert forge.identify(shallow).key == "example.org/geo/odd"


def test_a_repository_of_another_user_is_refused_with_a_reason(git_author: GitAuthor, tmp_path: Path) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    program = tmp_path / "git-of-others"
    program.write_text('#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec git "$@"\n')
    program.chmod(0o755)
    with pytest.raises(Forbidden) as caught:
        GitForge(str(program)).identify(place)
    assert "another user" in caught.value.message
    assert "owner" in caught.value.remedy


def test_missing_git_is_told(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    with pytest.raises(Permanent) as caught:
        GitForge("/nowhere/git").identify(place)
    assert "Install it" in caught.value.remedy


@pytest.mark.parametrize("place", ["https://example.org/a.git", "x\0y", "/etc/passwd", "", "--help", "a" * 5000, "\ud800"])
def test_places_that_are_no_repositories_are_told(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((Invalid, NotFound)):
        GitForge().identify(place)


def test_missing_objects_are_told(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    commit = GitForge().resolve(place, "main")
    for kind in (commit.tree, git_author.git(place, "rev-parse", "HEAD:README.md")):
        Path(place, ".git", "objects", kind[:2], kind[2:]).unlink()
    with pytest.raises(TagstoneError):
        GitForge().entries(place, commit)
    with pytest.raises(TagstoneError):
        list(GitForge().read(place, [kind]))


def test_a_damaged_object_is_told(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    blob = git_author.git(place, "rev-parse", "HEAD:README.md")
    file = Path(place, ".git", "objects", blob[:2], blob[2:])
    file.chmod(0o644)
    file.write_bytes(b"not zlib")
    with pytest.raises(TagstoneError):
        list(GitForge().read(place, [blob]))


def test_commits_with_absurd_times_are_refused(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    tree = git_author.git(place, "rev-parse", "HEAD^{tree}")
    for number, time in enumerate(("99999999999999", "-5", "x")):
        raw = f"tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> {time} +0000\n\nx\n".encode()
        sha = git_author.git(place, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=raw)
        git_author.git(place, "update-ref", f"refs/tags/t{number}", sha)
        with pytest.raises(Invalid):
            GitForge().resolve(place, f"t{number}")


def test_files_behind_links_are_not_taken(git_author: GitAuthor, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    place = git_author.create("hostile", FILES | {"sub/key": b"harmless"})
    git_author.commit(place)
    Path(place, "sub", "key").unlink()
    Path(place, "sub").rmdir()
    Path(place, "sub").symlink_to(tmp_path / "private")
    forge = GitForge()
    entries = forge.entries(place, forge.snapshot(place))
    assert [(entry.path, entry.kind.value) for entry in entries if entry.path.startswith("sub")] == [("sub", "symlink")]


def test_pipes_and_nested_repositories_are_left_out(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    os.mkfifo(Path(place, "pipe"))
    nested = git_author.create("odd/nested", {"a": b""})
    git_author.commit(nested)
    forge = GitForge()
    assert [entry.path for entry in forge.entries(place, forge.snapshot(place))] == ["README.md", "data.bin"]


def test_deleted_files_are_gone_and_sparse_ones_stay(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES | {"kept/a": b"", "left-out/b": b""})
    git_author.commit(place)
    git_author.git(place, "sparse-checkout", "set", "kept")
    Path(place, "data.bin").unlink()
    forge = GitForge()
    assert [entry.path for entry in forge.entries(place, forge.snapshot(place))] == ["README.md", "kept/a", "left-out/b"]


def test_an_unfinished_merge_is_told(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    git_author.git(place, "checkout", "-q", "-b", "other")
    git_author.write(place, {"README.md": b"theirs\n"})
    git_author.commit(place)
    git_author.git(place, "checkout", "-q", "main")
    git_author.write(place, {"README.md": b"ours\n"})
    git_author.commit(place)
    with pytest.raises(subprocess.CalledProcessError):
        git_author.git(place, "merge", "other")
    with pytest.raises(Conflict):
        GitForge().snapshot(place)


def test_index_refs_and_work_tree_stay_untouched_by_a_snapshot(git_author: GitAuthor) -> None:
    place = git_author.create("odd", FILES)
    git_author.commit(place)
    git_author.write(place, {"staged": b"1", "README.md": b"2"})
    git_author.git(place, "add", "staged")
    watched = [Path(place, ".git", name) for name in ("index", "HEAD", "refs/heads/main")]
    before = [file.read_bytes() for file in watched], git_author.git(place, "for-each-ref"), sorted(Path(place).iterdir())
    GitForge().snapshot(place)
    assert (
        [file.read_bytes() for file in watched],
        git_author.git(place, "for-each-ref"),
        sorted(Path(place).iterdir()),
    ) == before


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(max_size=40))
@example("\ud800")
@example("a" * 5000)
def test_any_text_as_a_tag_finds_nothing_and_nothing_else(git_author: GitAuthor, text: str) -> None:
    place = git_author.folder / "any"
    if not place.exists():
        git_author.commit(git_author.create("any", FILES))
    with pytest.raises((Invalid, NotFound)):
        GitForge().resolve(str(place), f"refs/tags/{text}")
