"""What a forge hands over: a project's identity, a commit, and the files in it."""

from dataclasses import dataclass
from enum import StrEnum


class EntryKind(StrEnum):
    """What a path in a Git tree is; LFS pointers are files whose content is elsewhere."""

    FILE = "file"
    EXECUTABLE = "executable"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


@dataclass(frozen=True)
class SourceEntry:
    """One path of a commit's tree; `size` in bytes (0 for a submodule), `object_id` is Git's."""

    path: str
    kind: EntryKind
    object_id: str
    size: int
    lfs: bool = False


@dataclass(frozen=True)
class ProjectIdentity:
    """A Git project: `key` never changes (normalised origin URL, else root commit), `location` is where it is now."""

    key: str
    name: str
    location: str
    url: str | None = None


@dataclass(frozen=True)
class Commit:
    """A commit as a tag or a work tree resolved to it; `time` in seconds since the epoch (UTC).

    `contact` is the e-mail address of who set the tag, else of who committed; it is told to nobody, and written into no record.
    """

    sha: str
    time: int
    tree: str
    ref: str
    tagger: str | None = None
    contact: str | None = None
