"""Local Git repositories, read by the `git` command line.

Repositories are hostile: what their own configuration could run (hooks, filters, file system monitors, remote helpers,
pagers) is switched off or never reached, because only plumbing commands that read objects are used. Nothing is fetched.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tagstone.adapters.git_command import Git, repository_folder
from tagstone.adapters.git_worktree import WorkTree
from tagstone.domain.code.project_url import normalised
from tagstone.domain.code.source import Commit, EntryKind, ProjectIdentity, SourceEntry
from tagstone.domain.publications.letter import address
from tagstone.domain.reading.nearest import nearest_names
from tagstone.errors import Invalid, NotFound

_KINDS = {
    b"100644": EntryKind.FILE,
    b"100664": EntryKind.FILE,
    b"100755": EntryKind.EXECUTABLE,
    b"120000": EntryKind.SYMLINK,
    b"160000": EntryKind.SUBMODULE,
}
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_BYTES = range(100, 1024)
_LATEST = 2**33
# What HFS+ leaves out of names, and what NTFS does: https://git-scm.com/docs/git-fsck, hasDotgit.
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
# Tags become versions and names of images, and are shown: what hides or reorders text is none.
_HIDDEN = re.compile("[\x80-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_LONGEST_NAME, _LONGEST_PATH = 255, 3500  # bytes; a path is put below a workspace's own


class GitForge:
    """Projects that are Git repositories of this machine; `program` is the git executable.

    With `anybodys` they may belong to another user, as the checkouts of CI jobs do.
    """

    def __init__(self, program: str = "git", *, anybodys: bool = False) -> None:
        self._program = program
        self._anybodys = anybodys
        self._known: dict[tuple[Path, int], Git] = {}

    def identify(self, location: str) -> ProjectIdentity:
        """A project is its origin's normalised address, else its oldest root commit.

        Raises:
            NotFound: there is no repository.
            Invalid: it has no commit, or is a shallow clone without an origin, whose root nobody knows.
            Forbidden: it belongs to another user.
        """
        git = self._git(location)
        root = str(git.top or git.folder)
        origin = git.run("config", "--local", "--get", "remote.origin.url", may_fail=True).decode("utf-8", "replace")
        key = normalised(origin)
        if key:
            return ProjectIdentity(key, key.rpartition("/")[2], root, f"https://{key}")
        name = Path(root).name.removesuffix(".git") or Path(root).parent.name
        return ProjectIdentity(f"root:{_root_commit(git)}", name, root)

    def resolve(self, location: str, ref: str) -> Commit:
        """The commit of a tag, else of a branch, else with this id; `refs/tags/…`, `refs/heads/…`, `HEAD` mean exactly that.

        Raises:
            NotFound: no tag or branch has this name; the remedy names the nearest.
            Invalid: the name is none that Git allows, or the tag stands for a file.
        """
        git = self._git(location)
        if ref == "HEAD":
            head = git.commit(ref)
            if head is None:
                raise no_such_ref(ref, _listed(git))
            return _described(git, head, head[0], ref)
        for full in full_names(git, ref):
            target = git.run("show-ref", "--verify", "--hash", "--", full, may_fail=True).decode().strip()
            if target:
                return _commit(git, target, ref.removeprefix("refs/tags/").removeprefix("refs/heads/"))
        if re.fullmatch(r"[0-9a-f]{7,64}", ref) and git.run(
            "rev-parse", "--verify", "--quiet", ref + "^{commit}", may_fail=True
        ):
            return _commit(git, ref, ref)
        raise no_such_ref(ref, _listed(git))

    def snapshot(self, location: str) -> Commit:
        """The work tree as a commit object that no ref points to: tracked files and those that are not ignored.

        Index and refs stay as they are. Equal files on the same HEAD give the same commit.

        Raises:
            Invalid: the repository is bare, or in the midst of a merge.
        """
        git = self._git(location)
        if git.top is None:
            raise Invalid(f"{location} is a bare repository: it has no work tree.", remedy="Name a tag or branch.")
        sha, ref = WorkTree(git, git.top).commit()
        return _commit(git, sha, ref)

    def entries(self, location: str, commit: Commit) -> list[SourceEntry]:
        """Every path of the commit's tree, sorted by path bytes; names that are not UTF-8 keep their bytes as surrogates.

        Raises:
            Invalid: a name leaves the tree, is there twice, or lies in `.git`; or objects are missing.
        """
        git = self._git(location)
        found = [_entry(line) for line in git.records("ls-tree", "-r", "-z", "-l", "--full-tree", _hex(commit.tree))]
        found.sort(key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))
        _refuse_doubles(found)
        small = [entry for entry in found if entry.kind is EntryKind.FILE and entry.size in _POINTER_BYTES]
        pointers = {
            entry.object_id
            for entry, content in zip(small, git.objects(entry.object_id for entry in small), strict=True)
            if content.startswith(_POINTER)
        }
        return [
            SourceEntry(entry.path, entry.kind, entry.object_id, entry.size, lfs=entry.object_id in pointers) for entry in found
        ]

    def read(self, location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        """The content of each object, in order, one in memory at a time.

        Raises:
            NotFound: an object is not there.
        """
        return self._git(location).objects(_hex(object_id) for object_id in object_ids)

    def _git(self, location: str) -> Git:
        """Git in a repository; what kind it is, is asked once as long as the folder is the same."""
        folder = repository_folder(location)
        same = folder, folder.stat().st_ino
        if same not in self._known:
            self._known[same] = Git.at(location, self._program, anybodys=self._anybodys)
        return self._known[same]


def _hex(object_id: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", object_id):
        raise Invalid(f"{object_id[:80]!r} is no Git object id.", remedy="Take it from a commit that was resolved.")
    return object_id


def _root_commit(git: Git) -> str:
    if git.shallow:
        raise Invalid(
            "This is a shallow clone without an origin: its first commit is not known.",
            remedy="Run `git fetch --unshallow`, or add the origin with `git remote add origin URL`.",
        )
    listing = ("rev-list", "--max-parents=0", "--timestamp", "--branches", "--tags")
    roots = (git.run(*listing, "HEAD", may_fail=True) or git.run(*listing)).decode().splitlines()
    if not roots:
        raise Invalid("The repository has no commit yet.", remedy="Commit something: `git add . && git commit`.")
    return min((int(time), sha) for time, sha in (line.split() for line in roots))[1]


def full_names(git: Git, ref: str) -> list[str]:
    """What a name may mean, in the order in which it is looked for. Raises: Invalid for one that Git does not allow."""
    names = [ref] if ref.startswith(("refs/tags/", "refs/heads/")) else [f"refs/tags/{ref}", f"refs/heads/{ref}"]
    allowed = (
        not re.search(r"[\x00-\x20\x7f\ud800-\udfff]", ref) and len(ref) <= 1000 and git.succeeds("check-ref-format", names[0])
    )
    if _HIDDEN.search(ref):
        raise Invalid(
            f"The tag {ascii(ref)[:200]} has hidden characters.", remedy="Tag anew with a plain name, such as v1.0.0."
        )
    if not allowed:
        raise Invalid(f"{ref[:100]!r} is no name that Git allows for a tag.", remedy="Write the tag's name, such as v1.0.0.")
    return names


def _listed(git: Git) -> list[str]:
    return git.run("for-each-ref", "--format=%(refname)", "refs/tags", "refs/heads").decode("utf-8", "replace").splitlines()


def no_such_ref(ref: str, listed: list[str]) -> NotFound:
    """The error for a name that is none of the refs there are; it tells the nearest."""
    names = [name.removeprefix("refs/tags/").removeprefix("refs/heads/") for name in listed]
    tags = [name.removeprefix("refs/tags/") for name in listed if name.startswith("refs/tags/")]
    near = nearest_names(ref, names) or tags[-3:]
    hint = f"Nearest: {', '.join(near)}." if near else "The repository has no tag yet."
    return NotFound(f"There is no tag or branch {ref!r}.", remedy=f"{hint} A tag is made with `git tag -a NAME`.")


def _commit(git: Git, target: str, ref: str) -> Commit:
    """The commit behind an object id, with the name of who tagged it, and the address of who tagged or else committed."""
    found = git.commit(target)
    if found is None:
        raise Invalid(f"The tag {ref!r} does not stand for a commit.", remedy="Tag a commit, not a file or folder.")
    return _described(git, found, target, ref)


def _described(git: Git, found: tuple[str, bytes], target: str, ref: str) -> Commit:
    sha, content = found
    headers = _headers(content)
    who = headers.get(b"committer", b"")
    time = re.search(rb"> ([0-9]{1,12}) [+-][0-9]{4}$", who)
    tree = headers.get(b"tree", b"").decode("ascii", "replace")
    if not time or int(time[1]) > _LATEST:
        raise Invalid(f"The commit {sha[:12]} has no usable time.", remedy="Commit anew with a plain date.")
    tagger = None
    if not sha.startswith(target) and git.run("cat-file", "-t", target).strip() == b"tag":
        who = _headers(git.run("cat-file", "tag", target)).get(b"tagger", b"")
        tagger = who.partition(b" <")[0].decode("utf-8", "replace").strip() or None
    return Commit(sha, int(time[1]), _hex(tree), ref, tagger, _address(who))


def _address(who: bytes) -> str | None:
    """The address in `Name <address> time zone`; None where it is no plain one."""
    return address(who.rpartition(b" <")[2].partition(b">")[0].decode("utf-8", "replace"))


def _headers(data: bytes) -> dict[bytes, bytes]:
    """The header lines of a commit or tag object; the first of each name counts."""
    headers: dict[bytes, bytes] = {}
    for line in data.partition(b"\n\n")[0].split(b"\n"):
        name, _, value = line.partition(b" ")
        headers.setdefault(name, value)
    return headers


def _entry(record: bytes) -> SourceEntry:
    """One record of ls-tree -l: mode, type, object id, size, tab, path."""
    facts, _, raw = record.partition(b"\t")
    mode, _, object_id, size = facts.split()
    path = raw.decode("utf-8", "surrogateescape")
    _refuse_leaving(path)
    if size == b"BAD":
        raise Invalid(
            f"{path[:200]!r} is missing or damaged in Git.", remedy="Fetch it: `git fetch --refetch`; else run `git fsck`."
        )
    if mode not in _KINDS:
        raise Invalid(f"{path[:200]!r} has the unknown file mode {mode.decode()}.", remedy="Remove the file and add it again.")
    return SourceEntry(path, _KINDS[mode], object_id.decode(), int(size) if size != b"-" else 0)


def _refuse_leaving(path: str) -> None:
    segments = path.split("/")
    if any(segment in ("", ".", "..") or "\0" in segment or _is_gits(segment) for segment in segments):
        raise Invalid(
            f"The commit has a file named {path[:200]!r}.", remedy="Such names leave the tree; this repository is broken."
        )
    sizes = [len(segment.encode("utf-8", "surrogateescape")) for segment in segments]
    if max(sizes) > _LONGEST_NAME or sum(sizes) + len(sizes) > _LONGEST_PATH:
        raise Invalid(f"The commit has a path that no file system takes: {path[:200]!r}….", remedy="Give it a shorter name.")


def _is_gits(name: str) -> bool:
    """Whether some system takes the name for `.git`."""
    plain = _IGNORED.sub("", name).lower().partition(":")[0].rstrip(" .")
    return plain in (".git", "git~1")


def _refuse_doubles(entries: list[SourceEntry]) -> None:
    """Trees made by hand may name a path twice, or a file and a folder alike."""
    folders = {entry.path[:at] for entry in entries for at in _slashes(entry.path)}
    seen: set[str] = set()
    for entry in entries:
        if entry.path in seen or entry.path in folders:
            raise Invalid(f"The commit has {entry.path[:200]!r} twice.", remedy="This repository is broken; run `git fsck`.")
        seen.add(entry.path)


def _slashes(path: str) -> Iterator[int]:
    return (at for at, character in enumerate(path) if character == "/")
