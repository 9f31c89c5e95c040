"""What every forge does."""

import pytest

from fakes.authors import Author
from tagstone.domain.code.source import EntryKind
from tagstone.errors import Invalid, NotFound, TagstoneError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4" * 64 + b"\nsize 12345\n"
FILES = {"README.md": b"hello\n", "src/a.py": b"print()\n", "z-last": b"\0\xff" * 70000}


def test_a_tag_stands_for_its_commit(author: Author) -> None:
    place = author.create("wobble", FILES)
    sha = author.commit(place)
    author.tag(place, "v1.0.0")
    commit = author.forge.resolve(place, "v1.0.0")
    assert (commit.sha, commit.ref, commit.tagger) == (sha, "v1.0.0", None)
    assert commit.time > 1_600_000_000


def test_an_annotated_tag_says_who_made_it(author: Author) -> None:
    place = author.create("wobble", FILES)
    sha = author.commit(place)
    author.tag(place, "v1.0.0", annotated=True)
    commit = author.forge.resolve(place, "v1.0.0")
    assert (commit.sha, commit.tagger) == (sha, "Ada")


@pytest.mark.parametrize("annotated", [False, True])
def test_who_set_a_tag_or_else_committed_can_be_written_to(author: Author, annotated: bool) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    author.tag(place, "v1.0.0", annotated=annotated)
    assert author.forge.resolve(place, "v1.0.0").contact == "ada@example.org"


def test_a_tag_comes_before_a_branch_of_the_same_name(author: Author) -> None:
    place = author.create("wobble", FILES)
    first = author.commit(place)
    author.tag(place, "main")
    author.write(place, {"b": b"2"})
    second = author.commit(place)
    assert author.forge.resolve(place, "main").sha == first
    assert author.forge.resolve(place, "refs/tags/main").sha == first
    assert author.forge.resolve(place, "refs/heads/main").sha == second
    assert author.forge.resolve(place, "HEAD").sha == second


def test_a_full_tag_name_never_finds_a_branch(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    with pytest.raises(NotFound):
        author.forge.resolve(place, "refs/tags/main")


def test_a_missing_tag_names_the_nearest(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    for name in ("v1.0.0", "v1.0.1", "draft"):
        author.tag(place, name)
    with pytest.raises(NotFound) as caught:
        author.forge.resolve(place, "v1.0")
    assert "v1.0.0" in caught.value.remedy
    assert "draft" not in caught.value.remedy


@pytest.mark.parametrize(
    "name",
    [
        "--upload-pack=touch x",
        "-x",
        "v1^",
        "v1~1",
        "v1:README.md",
        "a..b",
        "@{-1}",
        "a b",
        "*",
        "",
        "x\0y",
        "$(touch x)",
        "v1\n",
    ],
)
def test_hostile_names_find_nothing(author: Author, name: str) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    author.tag(place, "v1")
    with pytest.raises((Invalid, NotFound)):
        author.forge.resolve(place, name)


@pytest.mark.parametrize("name", ["$HOME", "a;b", "`id`", "ünï", "a'b\"c", "release/1.0"])
def test_odd_but_allowed_names_are_just_names(author: Author, name: str) -> None:
    place = author.create("wobble", FILES)
    sha = author.commit(place)
    author.tag(place, name)
    assert author.forge.resolve(place, name).sha == sha


def test_entries_are_sorted_by_bytes_and_say_what_they_are(author: Author) -> None:
    place = author.create("wobble", FILES | {"Z": b"", "a/b": b"1", "a-b": b"2", "ü": b"3"})
    author.make_executable(place, "src/a.py")
    author.link(place, "link", "README.md")
    author.add_submodule(place, "module")
    author.commit(place)
    entries = author.forge.entries(place, author.forge.resolve(place, "main"))
    assert [(entry.path, entry.kind.value, entry.size) for entry in entries] == [
        ("README.md", "file", 6),
        ("Z", "file", 0),
        ("a-b", "file", 1),
        ("a/b", "file", 1),
        ("link", "symlink", 9),
        ("module", "submodule", 0),
        ("src/a.py", "executable", 8),
        ("z-last", "file", 140000),
        ("ü", "file", 1),
    ]


def test_contents_come_in_the_order_asked_for(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    entries = {entry.path: entry for entry in author.forge.entries(place, author.forge.resolve(place, "main"))}
    ids = [entries[path].object_id for path in ("z-last", "README.md", "z-last", "src/a.py")]
    assert list(author.forge.read(place, ids)) == [FILES["z-last"], b"hello\n", FILES["z-last"], b"print()\n"]


def test_a_missing_object_is_told(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    with pytest.raises(NotFound):
        list(author.forge.read(place, ["0" * 40]))


def test_reading_may_end_early(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    entries = author.forge.entries(place, author.forge.resolve(place, "main"))
    stream = author.forge.read(place, [entry.object_id for entry in entries])
    assert next(iter(stream)) == b"hello\n"
    del stream


def test_lfs_pointers_are_noticed(author: Author) -> None:
    place = author.create("wobble", FILES | {"big.fits": POINTER})
    author.commit(place)
    entries = author.forge.entries(place, author.forge.resolve(place, "main"))
    assert [entry.path for entry in entries if entry.lfs] == ["big.fits"]


def test_files_are_those_of_the_commit_never_of_the_work_tree(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    author.tag(place, "v1")
    author.write(place, {"README.md": b"changed\n", "new": b"new"})
    entries = author.forge.entries(place, author.forge.resolve(place, "v1"))
    assert [entry.path for entry in entries] == ["README.md", "src/a.py", "z-last"]
    assert next(iter(author.forge.read(place, [entries[0].object_id]))) == b"hello\n"


def test_a_snapshot_has_changed_and_new_files_but_no_ignored_ones(author: Author) -> None:
    place = author.create("wobble", FILES | {".gitignore": b"secret\n"})
    head = author.commit(place)
    author.write(place, {"README.md": b"changed\n", "new": b"new", "secret": b"x"})
    author.link(place, "link", "/etc/passwd")
    commit = author.forge.snapshot(place)
    entries = author.forge.entries(place, commit)
    assert [entry.path for entry in entries] == [".gitignore", "README.md", "link", "new", "src/a.py", "z-last"]
    assert [entry.kind for entry in entries][2] is EntryKind.SYMLINK
    contents = list(author.forge.read(place, [entries[1].object_id, entries[2].object_id, entries[3].object_id]))
    assert contents == [b"changed\n", b"/etc/passwd", b"new"]
    assert author.forge.resolve(place, "HEAD").sha == head


def test_equal_work_trees_give_equal_snapshots(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    author.write(place, {"new": b"new"})
    first = author.forge.snapshot(place)
    assert author.forge.snapshot(place) == first
    author.write(place, {"new": b"newer"})
    assert author.forge.snapshot(place).sha != first.sha


def test_a_snapshot_needs_no_commit(author: Author) -> None:
    place = author.create("wobble", FILES)
    assert len(author.forge.entries(place, author.forge.snapshot(place))) == 3


def test_an_unchanged_work_tree_has_the_tree_of_its_commit(author: Author) -> None:
    place = author.create("wobble", FILES)
    author.commit(place)
    assert author.forge.snapshot(place).tree == author.forge.resolve(place, "HEAD").tree


def test_a_project_is_its_origin(author: Author) -> None:
    one = author.create("one", FILES, "https://ada:secret@gitlab.example.org/geo/wobble.git")
    other = author.create("other", {"x": b""}, "git@gitlab.example.org:geo/wobble")
    author.commit(one)
    author.commit(other)
    identity = author.forge.identify(one)
    assert (identity.key, identity.name) == ("gitlab.example.org/geo/wobble", "wobble")
    assert identity.url == "https://gitlab.example.org/geo/wobble"
    assert author.forge.identify(other).key == identity.key


def test_a_project_without_origin_is_its_first_commit_wherever_it_moves(author: Author) -> None:
    place = author.create("wobble", FILES)
    root = author.commit(place)
    author.write(place, {"more": b""})
    author.commit(place)
    identity = author.forge.identify(place)
    assert (identity.key, identity.name, identity.url) == (f"root:{root}", "wobble", None)
    assert author.forge.identify(author.move(place)).key == identity.key


def test_nothing_there_is_told(author: Author) -> None:
    for call in (author.forge.identify, author.forge.snapshot):
        with pytest.raises(NotFound) as caught:
            call("/nowhere/at/all")
        assert caught.value.remedy


def test_a_repository_without_commits_is_no_project_yet(author: Author) -> None:
    with pytest.raises(Invalid):
        author.forge.identify(author.create("wobble", FILES))


def test_all_trouble_is_ours(author: Author) -> None:
    with pytest.raises(TagstoneError):
        author.forge.resolve("/nowhere/at/all", "v1")
