"""A forge in memory: repositories with work trees, commits, tags and branches; it can be told to fail."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tagstone.domain.code.project_url import normalised
from tagstone.domain.code.source import Commit, EntryKind, ProjectIdentity, SourceEntry
from tagstone.domain.reading.nearest import nearest_names
from tagstone.errors import Invalid, NotFound, TagstoneError

Files = Mapping[str, bytes]
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass
class Repository:
    """One repository: `files` and `links` are its work tree, `executables` and `submodules` say what is special."""

    origin: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    executables: set[str] = field(default_factory=set)
    submodules: dict[str, str] = field(default_factory=dict)
    refs: dict[str, Commit] = field(default_factory=dict)
    head: Commit | None = None
    root: str | None = None


class FakeForge:
    """Keeps repositories by location; `fail_next` makes the next call raise."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self._objects: dict[str, bytes] = {}
        self._trees: dict[str, list[SourceEntry]] = {}
        self._failures: list[TagstoneError] = []
        self._time = 1_700_000_000

    def fail_next(self, *errors: TagstoneError) -> None:
        """Let the next calls raise these errors, one each."""
        self._failures.extend(errors)

    def create(self, location: str, files: Files | None = None, origin: str | None = None) -> Repository:
        """A new repository with a work tree and no commit."""
        self.repositories[location] = Repository(origin, dict(files or {}))
        return self.repositories[location]

    def commit(self, location: str) -> Commit:
        """Commit the whole work tree to the branch `main`."""
        repository = self._at(location)
        self._time += 60
        commit = self._written(repository, "main", self._time)
        repository.root = repository.root or commit.sha
        repository.head = repository.refs["refs/heads/main"] = commit
        return commit

    def tag(self, location: str, name: str, tagger: str | None = None) -> None:
        """Tag what was committed last; a tag that is there moves."""
        head = self._at(location).head
        assert head is not None
        self._at(location).refs[f"refs/tags/{name}"] = Commit(head.sha, head.time, head.tree, name, tagger, "ada@example.org")

    def move(self, location: str, to: str) -> None:
        """Rename a repository's folder."""
        self.repositories[to] = self.repositories.pop(location)

    def identify(self, location: str) -> ProjectIdentity:
        repository = self._asked(location)
        key = normalised(repository.origin or "")
        if key:
            return ProjectIdentity(key, key.rpartition("/")[2], location, f"https://{key}")
        if repository.root is None:
            raise Invalid("The repository has no commit yet.", remedy="Commit something.")
        return ProjectIdentity(f"root:{repository.root}", location.rpartition("/")[2], location)

    def resolve(self, location: str, ref: str) -> Commit:
        repository = self._asked(location)
        bare = ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
        if ref == "HEAD" and repository.head is not None:
            return repository.head
        if any(character in ref for character in " ~^:?*[\\\0") or ".." in ref or not ref:
            raise Invalid(f"{ref!r} is no name that Git allows for a tag.", remedy="Write the tag's name.")
        for full in (ref,) if ref.startswith("refs/") else (f"refs/tags/{ref}", f"refs/heads/{ref}"):
            if full in repository.refs:
                found = repository.refs[full]
                return Commit(found.sha, found.time, found.tree, bare, found.tagger, found.contact)
        names = [name.removeprefix("refs/tags/").removeprefix("refs/heads/") for name in repository.refs]
        near = ", ".join(nearest_names(bare, names))
        raise NotFound(f"There is no tag or branch {ref!r}.", remedy=f"Nearest: {near}. A tag is made with `git tag -a NAME`.")

    def snapshot(self, location: str) -> Commit:
        repository = self._asked(location)
        return self._written(repository, "main", repository.head.time if repository.head else 315532800)

    def entries(self, location: str, commit: Commit) -> list[SourceEntry]:
        self._asked(location)
        return list(self._trees[commit.tree])

    def read(self, location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        self._asked(location)
        for object_id in object_ids:
            if object_id not in self._objects:
                raise NotFound(f"The Git object {object_id} is missing.", remedy="Fetch it.")
            yield self._objects[object_id]

    def _at(self, location: str) -> Repository:
        if location not in self.repositories:
            raise NotFound(f"There is no Git repository at {location}.", remedy="Make one.")
        return self.repositories[location]

    def _asked(self, location: str) -> Repository:
        if self._failures:
            raise self._failures.pop(0)
        return self._at(location)

    def _written(self, repository: Repository, ref: str, time: int) -> Commit:
        ignored = {line for line in repository.files.get(".gitignore", b"").decode().splitlines() if line}
        entries = [self._entry(repository, path, content) for path, content in repository.files.items() if path not in ignored]
        for path, target in repository.links.items():
            entries.append(SourceEntry(path, EntryKind.SYMLINK, self._blob(target.encode()), len(target.encode())))
        entries += [SourceEntry(path, EntryKind.SUBMODULE, sha, 0) for path, sha in repository.submodules.items()]
        entries.sort(key=lambda entry: entry.path.encode())
        tree = hashlib.sha1(repr(entries).encode()).hexdigest()
        self._trees[tree] = entries
        return Commit(hashlib.sha1(f"{tree} {time}".encode()).hexdigest(), time, tree, ref)

    def _entry(self, repository: Repository, path: str, content: bytes) -> SourceEntry:
        kind = EntryKind.EXECUTABLE if path in repository.executables else EntryKind.FILE
        return SourceEntry(path, kind, self._blob(content), len(content), lfs=content.startswith(_POINTER))

    def _blob(self, content: bytes) -> str:
        sha = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        self._objects[sha] = content
        return sha
