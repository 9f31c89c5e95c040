"""A Git work tree as a commit that no ref points to; files are hashed as they are, since filters could run anything."""

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tagstone.adapters.git_command import Git
from tagstone.domain.runs.hardware import format_bytes
from tagstone.errors import Conflict, Invalid

_WHO = {"NAME": "Tagstone", "EMAIL": "rehearsal@tagstone.invalid"}
_MESSAGE = b"The work tree, as it was rehearsed\n"
_FIRST_TIME = 315532800
_LARGEST = 2 * 2**30


@dataclass(frozen=True)
class _Tracked:
    """One entry of the user's index; `skipped` is true for files that a sparse checkout leaves out."""

    mode: str
    object_id: str
    skipped: bool


class WorkTree:
    """The files below `top`."""

    def __init__(self, git: Git, top: Path) -> None:
        self._git = git
        self._top = top
        self._real: dict[Path, bool] = {top: True}

    def commit(self) -> tuple[str, str]:
        """Write the objects and return the commit's id and the branch that is checked out (else `HEAD`).

        Raises:
            Conflict: a merge is not finished.
            Invalid: a file is too large for a commit.
        """
        git = self._git
        head = git.commit("HEAD")
        branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", may_fail=True).decode("utf-8", "replace").strip()
        tree = self._tree()
        time = _time(head[1]) if head else _FIRST_TIME
        who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}
        dates = {f"GIT_{role}_DATE": f"{time} +0000" for role in ("AUTHOR", "COMMITTER")}
        parent = ["-p", head[0]] if head else []
        sha = git.run("commit-tree", "--no-gpg-sign", tree, *parent, stdin=_MESSAGE, env=who | dates).decode().strip()
        return sha, branch or "HEAD"

    def _tree(self) -> str:
        tracked = self._tracked()
        others = {_decoded(path) for path in self._git.records("ls-files", "-z", "--others", "--exclude-standard")}
        kept = {path: entry for path, entry in tracked.items() if entry.skipped or entry.mode == "160000"}
        modes = {path: mode for path in sorted((tracked.keys() | others) - kept.keys()) if (mode := self._mode(path))}
        ids = self._object_ids(modes, tracked)
        lines = [f"{entry.mode} {entry.object_id}\t{path}\0" for path, entry in kept.items()]
        lines += [f"{mode} {ids[path]}\t{path}\0" for path, mode in modes.items()]
        with tempfile.TemporaryDirectory(prefix="tagstone-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git.run("update-index", "-z", "--index-info", stdin=_encoded("".join(lines)), env=index)
            return self._git.run("write-tree", env=index).decode().strip()

    def _tracked(self) -> dict[str, _Tracked]:
        found = {}
        for record in self._git.records("ls-files", "-z", "-s", "-v"):
            facts, _, path = _decoded(record).partition("\t")
            tag, mode, object_id, stage = facts.split()
            if stage != "0":
                raise Conflict(f"A merge is not finished: {path[:200]!r}.", remedy="Resolve the conflicts and commit first.")
            found[path] = _Tracked(mode, object_id, skipped=tag.upper() == "S")
        return found

    def _mode(self, path: str) -> str | None:
        """Git's mode of a file or link that is really there, below real folders; None for anything else. Raises: Invalid."""
        full = self._top / path
        if not self._is_real(full.parent):
            return None
        try:
            info = full.lstat()
        except OSError:
            return None
        mode = info.st_mode
        if stat.S_ISREG(mode) and info.st_size > _LARGEST:
            raise Invalid(
                f"{path[:200]!r} has {format_bytes(info.st_size)}: too much for a commit.",
                remedy="Name it in .gitignore, and keep large data elsewhere.",
            )
        if stat.S_ISLNK(mode):
            return "120000"
        if not stat.S_ISREG(mode):
            return None
        return "100755" if mode & stat.S_IXUSR else "100644"

    def _is_real(self, folder: Path) -> bool:
        """Whether a folder is no link and lies below none: files behind links belong to others."""
        if folder not in self._real:
            self._real[folder] = self._is_real(folder.parent) and folder.is_dir() and not folder.is_symlink()
        return self._real[folder]

    def _object_ids(self, modes: dict[str, str], tracked: dict[str, _Tracked]) -> dict[str, str]:
        """Object ids by path; only files that differ from the index are written as objects."""
        files = [path for path, mode in modes.items() if mode != "120000"]
        ids = dict(zip(files, self._hashed(files, write=False), strict=True))
        new = [path for path in files if path not in tracked or tracked[path].object_id != ids[path]]
        ids |= dict(zip(new, self._hashed(new, write=True), strict=True))
        for path in modes.keys() - set(files):
            target = os.fsencode((self._top / path).readlink())
            ids[path] = self._git.run("hash-object", "-w", "--no-filters", "--stdin", stdin=target).decode().strip()
        return ids

    def _hashed(self, paths: list[str], *, write: bool) -> list[str]:
        if not paths:
            return []
        options = ["-w"] if write else []
        names = b"".join(_quoted(os.fsencode(self._top / path)) + b"\n" for path in paths)
        return self._git.run("hash-object", *options, "--no-filters", "--stdin-paths", stdin=names).decode().split()


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _quoted(path: bytes) -> bytes:
    """A path as Git's C-style quoting writes it, which also holds newlines."""
    special = {0x22: rb"\"", 0x5C: rb"\\"}
    return b'"' + b"".join(special.get(byte) or (b"\\%03o" % byte if byte < 32 else bytes([byte])) for byte in path) + b'"'


def _time(commit: bytes) -> int:
    line = next(line for line in commit.split(b"\n") if line.startswith(b"committer "))
    return int(line.split()[-2])
