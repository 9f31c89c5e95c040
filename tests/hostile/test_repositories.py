"""Git repositories that are odd, broken or hostile, checked as `tagstone check` does."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from hostile.judge import MIB, Case, Place, cases, judged
from hostile.repositories import Change, Repository, changed, large_file, many_files, many_tags, pipe, set_traps
from tagstone.actions.check import check
from tagstone.adapters.git import GitForge
from tagstone.domain.publications.policy import Policy
from tagstone.domain.reading.faults import Fault

NO_NAME, NO_COMMIT, LEAVES = "is no name that Git allows", "does not stand for a commit", "The commit has a file named"
SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\n{body}\n-----END PGP SIGNATURE-----\n"
GOOD_HEAD = "object {sha}\ntype commit\ntag v1\ntagger Ada <a@example.org> 1700000000 +0000\n\nfirst\n"


def _faults(ref: str | None, _place: Place, path: str) -> tuple[Fault, ...]:
    return check(GitForge(), path, ref).faults


def _sound(ref: str | None, _place: Place, path: str) -> str:
    report = check(GitForge(), path, ref)
    assert report.errors == ()
    return f"{report.commit.ref} by {report.commit.tagger} " + " ".join(map(str, report.warnings))


def _everything(place: Place, path: str) -> str:
    """All that Tagstone ever asks Git."""
    forge = GitForge()
    project, commit = forge.identify(path), forge.resolve(path, "v1")
    for found in (commit, forge.snapshot(path)):
        entries = forge.entries(path, found)
        contents = list(forge.read(path, [entry.object_id for entry in entries]))
    return f"{project.name}: {len(contents)} files, {place.canary.exists()}"


def _refused(name: str, change: Change, says: str, remedy: str, ref: str | None = "v1", **limits: float) -> Case:
    return Case(f"git: {name}", partial(changed, change), partial(_faults, ref), says, remedy, **limits)  # type: ignore[arg-type]


def _taken(name: str, change: Change, says: str, ref: str | None = "v1") -> Case:
    return Case(f"git: {name}", partial(changed, change), partial(_sound, ref), says, harmless=True)


def _nothing(repository: Repository) -> None:
    """The project stays sound."""


def _entry(mode: str, name: bytes) -> Change:
    return lambda repository: repository.add_to_tree((mode, name, repository.blob()))


def _below(name: bytes) -> Change:
    """A file `config` in a folder of any name."""
    return lambda repository: repository.add_to_tree(("40000", name, repository.tree(("100644", b"config", repository.blob()))))


def _twice(repository: Repository) -> None:
    repository.add_to_tree(("100644", b"a", repository.blob()), ("100644", b"a", repository.blob(b"y")))


def _file_and_folder(repository: Repository) -> None:
    inner = repository.tree(("100644", b"b", repository.blob()))
    repository.add_to_tree(("120000", b"a", repository.blob()), ("40000", b"a", inner))


def _deep(repository: Repository) -> None:
    stream = (
        f"commit refs/heads/deep\ncommitter A <a> 1700000000 +0000\ndata 1\nx\nM 100644 inline {'dd/' * 1200}x\ndata 1\nx\n"
    )
    repository.git("fast-import", "--quiet", stdin=stream.encode())
    repository.point(repository.git("rev-parse", "deep"))


def _broken_signature(repository: Repository) -> None:
    repository.annotate(GOOD_HEAD + SIGNATURE.format(body="!!"))
    set_traps(repository)


def _chain_of_tags(repository: Repository) -> None:
    target, kind = repository.git("rev-parse", "HEAD"), "commit"
    for number in range(100):
        text = f"object {target}\ntype {kind}\ntag t{number}\ntagger A <a> 1700000000 +0000\n\nx\n"
        target, kind = repository.write("tag", text.encode()), "tag"
    repository.point(target)


def _lying_tag(repository: Repository) -> None:
    blob = repository.blob()
    repository.point(repository.write("tag", f"object {blob}\ntype commit\ntag v1\ntagger A <a> 1 +0000\n\nx\n".encode()))


def _absurd_time(time: str) -> Change:
    def change(repository: Repository) -> None:
        tree = repository.git("rev-parse", "HEAD^{tree}")
        raw = f"tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> {time} +0000\n\nx\n".encode()
        repository.point(repository.write("commit", raw))

    return change


def _submodule(repository: Repository) -> None:
    url = f"ext::sh -c touch% {repository.place.canary}"
    text = f'[submodule "x"]\n\tpath = x\n\turl = {url}\n\tupdate = !touch {repository.place.canary}\n'
    repository.add_to_tree(("100644", b".gitmodules", repository.blob(text.encode())), ("160000", b"x", "1" * 40))


def _replaced(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.author.write(repository.path, {"tagstone.yml": b"broken: ["})
    repository.git("replace", first, repository.author.commit(repository.path))


def _alternates(repository: Repository) -> None:
    Path(repository.path, ".git/objects/info/alternates").write_text("/nonexistent\n/etc\n../../../../outside\n")


def _written(path: str, text: str) -> Change:
    return lambda repository: Path(repository.path, path).write_text(text)


def _removed(name: str) -> Change:
    return lambda repository: repository.loose(name).unlink()


def _sparse(repository: Repository) -> None:
    with Path(repository.path, "data.bin").open("wb") as file:
        file.truncate(10**12)


def _linked(path: str, target: str) -> Change:
    def change(repository: Repository) -> None:
        Path(repository.path, path).unlink(missing_ok=True)
        Path(repository.path, path).symlink_to(target.format(outside=repository.place.outside))
        repository.author.commit(repository.path)
        repository.author.tag(repository.path, "v1")

    return change


def _committed(files: dict[str, bytes]) -> Change:
    def change(repository: Repository) -> None:
        repository.author.write(repository.path, files)
        repository.author.commit(repository.path)
        repository.author.tag(repository.path, "v1")

    return change


def _tagged(name: str) -> Change:
    return lambda repository: repository.git("update-ref", f"refs/tags/{name}", "HEAD")


def _location(text: str, says: str) -> Case:
    return Case(
        f"git: the place {text[:40]!r}",
        lambda place: text.format(canary=place.canary),
        partial(_faults, None),
        says,
        "repository",
    )


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1000000\n"
TABLE = [
    # Tags
    _refused("no such tag", _nothing, "There is no tag or branch 'v2'", "Nearest: v1", "v2"),
    Case("git: no commit", lambda place: Repository(place, {}).path, partial(_faults, None), "no commit yet", "git commit"),
    _taken("a lightweight tag", _nothing, "v1 by None"),
    _taken("an annotated tag", lambda r: r.annotate(GOOD_HEAD), "v1 by Ada"),
    _taken("a signed tag", lambda r: r.annotate(GOOD_HEAD + SIGNATURE.format(body="iQEzBAABCAAdFiEE")), "v1 by Ada"),
    _taken("a tag with a broken signature", _broken_signature, "v1 by Ada"),
    _taken("a tag on a tag on a tag", _chain_of_tags, "v1 by A"),
    _taken("a tagger with an escape", lambda r: r.annotate(GOOD_HEAD.replace("Ada", "A\x1b[31mda\u202e")), "v1 by A"),
    _refused("a tag on a tree", lambda r: r.point(r.git("rev-parse", "HEAD^{tree}")), NO_COMMIT, "Tag a commit"),
    _refused("a tag on a file", lambda r: r.point(r.blob()), NO_COMMIT, "Tag a commit"),
    _refused("a tag that lies about what it is on", _lying_tag, "objects are missing", "git fsck"),
    _refused("a tag on what is not there", lambda r: Path(r.path, ".git/refs/tags/v1").write_text("1" * 40 + "\n"), "bad object", "git fsck"),
    _refused("a tag that is no hash", lambda r: Path(r.path, ".git/refs/tags/v1").write_text("x\n"), "bad object", "git fsck"),
    _taken("a name of shell words", _tagged("v1;touch${IFS}$PWD/canary`id`"), "by None", "v1;touch${IFS}$PWD/canary`id`"),
    _refused("a name with a newline", _nothing, NO_NAME, "such as v1.0.0", "v1\nv2"),
    _refused("a name with dots", _nothing, NO_NAME, "such as v1.0.0", "../../heads/main"),
    _refused("a name like an option", _nothing, NO_NAME, "such as v1.0.0", "--upload-pack=touch canary"),
    _refused("a name that asks Git to search", _nothing, NO_NAME, "such as v1.0.0", "v1^{/x}"),
    _refused("a name that asks for a file", _nothing, NO_NAME, "such as v1.0.0", "v1:tagstone.yml"),
    _refused("a name that asks for the past", _nothing, NO_NAME, "such as v1.0.0", "main@{1}"),
    _refused("a name of 5000 characters", _nothing, NO_NAME, "such as v1.0.0", "v" * 5000),
    _refused("a name with half a character", _nothing, NO_NAME, "such as v1.0.0", "v\udcff"),
    _refused("a name that is shown backwards", _tagged("v1\u202e0.1"), "has hidden characters", "such as v1.0.0", "v1\u202e0.1"),
    _refused("a name that is nothing", _nothing, NO_NAME, "such as v1.0.0", ""),
    _refused("fifty thousand tags and another", many_tags(50_000), "There is no tag or branch", "Nearest", "t9999999"),
    # The work tree
    _refused("a dirty tree", _written("analysis.py", "print(2)\n"), "changes that are not committed", "before you tag", None),
    _refused("a sparse file of 1 TB", _sparse, "too much for a commit", ".gitignore", None),
    _refused("a pipe for a manifest", pipe("tagstone.yml"), "There is no manifest", "Begin with this", None),
    _refused("a link for a manifest", _linked("tagstone.yml", "{outside}/secret"), "It is no plain file", "not a link"),
    _refused("a link for a citation", _linked("CITATION.cff", "/dev/zero"), "It is no plain file", "not a link"),
    _refused("a link out of the repository", _linked("data", "../../../etc"), "points out of the repository", "Put the file itself"),
    _refused("a manifest of 100 MB", large_file("tagstone.yml", 100_000_000), "larger than 1 MiB", "Keep data out", memory=64 * MIB),
    # What its configuration would run
    Case("git: hooks, filters, helpers and included settings", partial(changed, set_traps), _everything, "files, False", harmless=True),
    _taken("other people's objects", _alternates, "v1 by None"),
    _taken("replaced objects", _replaced, "v1 by None"),
    _refused("a submodule that runs commands", _submodule, "This is a submodule", "copy what is needed"),
    _refused("settings that are no settings", _written(".git/config", "[core\n"), "bad config", "by hand"),
    _refused("an index that is no index", _written(".git/index", "DIRC\xff"), "index file", "by hand", None),
    _refused("a HEAD that is none", _written(".git/HEAD", "ref: ../../etc/passwd\n"), "There is no Git repository", "git init"),
    # Broken objects
    _refused("a file that is missing", _removed("HEAD:tagstone.yml"), "is missing or damaged", "git fetch"),
    _refused("a tree that is missing", _removed("HEAD^{tree}"), "not a tree object", "git fsck"),
    _refused("a commit that is missing", _removed("HEAD"), "objects are missing", "git fetch"),
    _refused("a file that is damaged", lambda r: r.loose("HEAD:tagstone.yml").write_bytes(b"not zlib"), "is missing or damaged", "git fsck"),
    _refused("a file with other content", lambda r: r.forge("HEAD:tagstone.yml", "blob", b"other"), "what it should not", "git fsck"),
    _refused("a commit with other content", lambda r: r.forge("HEAD", "commit", b"tree " + b"1" * 40 + b"\n\nx"), NO_COMMIT, "Tag a commit"),
    _refused("a time beyond time", _absurd_time("99999999999999"), "has no usable time", "Commit anew"),
    _refused("a time before time", _absurd_time("-5"), "has no usable time", "Commit anew"),
    # Paths
    _refused("a file above the tree", _below(b".."), LEAVES, "this repository is broken"),
    _refused("a folder that is Git's", _below(b".git"), LEAVES, "this repository is broken"),
    _refused("a folder that is Git's on macOS", _below(b".GiT"), LEAVES, "this repository is broken"),
    _refused("a folder that is Git's with a hidden character", _below(".g\u200cit".encode()), LEAVES, "broken"),
    _refused("a folder that is Git's on Windows", _below(b"git~1"), LEAVES, "broken"),
    _refused("a folder that is Git's with a dot behind", _below(b".git. ."), LEAVES, "broken"),
    _refused("a stream of NTFS", _below(b".git::$INDEX_ALLOCATION"), LEAVES, "broken"),
    _refused("a name with a slash", _entry("100644", b"../../etc/passwd"), LEAVES, "broken"),
    _refused("a name twice", _twice, "The commit has 'a' twice", "git fsck"),
    _refused("a link and a folder of one name", _file_and_folder, "The commit has 'a' twice", "git fsck"),
    _refused("a name with a newline in it", _entry("100644", b"a\nb"), "has control characters", "Rename the file"),
    _refused("a name that is not UTF-8", _entry("100644", b"\xff"), "not UTF-8", "Rename the file"),
    _refused("a file name that is shown backwards", _entry("100644", "\u202efdp.exe".encode()), "has control characters", "Rename"),
    _refused("a name of 300 bytes", _entry("100644", b"a" * 300), "that no file system takes", "shorter name"),
    _refused("folders a thousand deep", _deep, "that no file system takes", "shorter name"),
    _taken("a mode that nobody knows", _entry("104777", b"a"), "v1 by None"),
    _refused("names that differ by case alone", _committed({"Data.csv": b"1", "data.csv": b"2"}), "the same name on some systems", "Rename"),
    _refused("a hundred thousand files and one", many_files(100_001), "this site takes 100000", "Remove files", seconds=60.0,
             slow=True),
    Case("git: more files than the site takes", partial(changed, many_files(3000)),
         lambda place, path: check(GitForge(), path, "v1", Policy(code_files=1000)).faults, "this site takes 1000", "Remove files"),
    _refused("a pointer to large data elsewhere", _committed({"data.bin": POINTER}), "Git LFS", ""),
    _location("https://evil.example/x.git", "is no folder of this machine"),
    _location("ext::sh -c 'touch {canary}'", "There is no folder"),
    _location("--upload-pack=touch {canary}", "There is no folder"),
    _location("x\0y", "is no folder of this machine"),
]  # fmt: skip


@cases(TABLE)
def test_hostile_repositories(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)
