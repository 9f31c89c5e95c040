"""`git fetch` from a GitLab into a bare repository of ours, within limits of time and size.

The token reaches git in its environment only: neither in an address nor in the list of processes. One process at a time works
in a repository; its lock is held by git itself, so that it outlives a worker that is killed while git runs.
"""

import base64
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tagstone.adapters.git_command import Git
from tagstone.adapters.gitlab.client import GitlabSite
from tagstone.errors import Away, Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

_LOOK = 0.1
_QUIET = 30  # seconds at least: a server that packs a large commit sends a sign of life every five
_SAID_BYTES = 16 * 2**20
_LEFT_OVER = ("shallow.lock", "packed-refs.lock", "config.lock", "HEAD.lock", "objects/pack/tmp_*", "refs/**/*.lock")
_FLAGS = ("--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules")
_MEANINGS: tuple[tuple[str, type[TagstoneError], str, str], ...] = (
    (
        r"find remote ref|not our ref|no such remote ref",
        NotFound,
        "The project has no such tag, branch or commit.",
        "It may have been deleted or moved; look there.",
    ),
    (
        r"could not read Username|Authentication failed|returned error: 40[13]",
        Forbidden,
        "GitLab does not let us fetch the project's code.",
        "The token needs the scope read_repository, and at least the role reporter in the project.",
    ),
    (
        r"^fatal: repository .* not found|returned error: 404",
        NotFound,
        "GitLab does not have the project's code.",
        "It may be gone, or the token may not see it.",
    ),
    (r"certificate", Permanent, "GitLab's certificate cannot be trusted.", "`site_ca` of the forge names a CA."),
    (r"returned error: 3\d\d", Permanent, "GitLab's answer leads elsewhere.", "Check the forge's address in the settings."),
)


@dataclass(frozen=True)
class Limits:
    """What one fetch may take: bytes on the disk, bytes of memory in each process, seconds in all."""

    bytes: int = 20 * 10**9
    memory: int = 4 * 2**30
    seconds: float = 3600.0


@dataclass(frozen=True)
class Remote:
    """Where to fetch from: the project at `path` of a site, with a token."""

    site: GitlabSite
    path: str
    token: str | None = field(repr=False)

    @property
    def url(self) -> str:
        """The repository's address, without anything secret."""
        return f"{self.site.root}/{self.path}.git"

    def environment(self) -> dict[str, str]:
        """What git has to know, as its own configuration variables: for this address alone."""
        secure = self.site.root.startswith("https://")
        known = {
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1",
            "http.lowSpeedTime": str(max(_QUIET, int(self.site.silence))),
            "fetch.unpackLimit": "1",
        }
        if self.site.site_ca:
            known["http.sslCAInfo"] = str(self.site.site_ca)
        if self.token:
            basic = base64.b64encode(f"oauth2:{self.token}".encode()).decode()
            known[f"http.{self.url}.extraHeader"] = f"Authorization: Basic {basic}"
        named = {
            f"GIT_CONFIG_{part}_{at}": text
            for at, pair in enumerate(known.items())
            for part, text in zip(("KEY", "VALUE"), pair, strict=True)
        }
        return {"GIT_ALLOW_PROTOCOL": "https" if secure else "http", "GIT_CONFIG_COUNT": str(len(known)), **named}


class Mirror:
    """One bare repository at `folder`, while its lock is held; `git` works in it."""

    def __init__(self, folder: Path, program: str, limits: Limits, lock: int) -> None:
        self.git = Git(folder, None, program)
        self._limits = limits
        self._lock = lock

    @staticmethod
    @contextmanager
    def held(folder: Path, program: str, limits: Limits) -> Iterator["Mirror"]:
        """The repository at `folder`, made where there is none, for this process alone. Raises: Temporary when it stays taken."""
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with folder.with_name(f"{folder.name}.lock").open("ab") as lock:
            _wait_for(lock, limits.seconds)
            if not (folder / "HEAD").exists():
                folder.mkdir(exist_ok=True, mode=0o700)
                Git(folder, None, program).run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(folder))
            for pattern in _LEFT_OVER:
                for stale in folder.glob(pattern):
                    stale.unlink(missing_ok=True)
            yield Mirror(folder, program, limits, lock.fileno())

    def fetch(self, remote: Remote, wanted: Sequence[str]) -> None:
        """Fetch exactly these refspecs, each with its own commit and nothing before it.

        Raises:
            NotFound: there is no such ref, commit or project.
            Forbidden: the token does not open it.
            Invalid: it is larger than the limit.
            Away, Temporary, Permanent: the server or the line is in trouble.
        """
        self._run(remote, "fetch", *_FLAGS, remote.url, *wanted)

    def listed(self, remote: Remote) -> list[str]:
        """Full names of all tags and branches there. Raises: as `fetch`."""
        lines = self._run(remote, "ls-remote", "--quiet", "--refs", "--tags", "--heads", remote.url).decode("utf-8", "replace")
        return [line.partition("\t")[2] for line in lines.splitlines() if "\t" in line]

    def main_branch(self, remote: Remote) -> str:
        """Full name of the branch that HEAD stands for there. Raises: as `fetch`."""
        lines = self._run(remote, "ls-remote", "--quiet", "--symref", remote.url, "HEAD").decode("utf-8", "replace")
        found = re.search(r"^ref: (refs/heads/\S+)\tHEAD$", lines, re.MULTILINE)
        if not found:
            raise NotFound("The project has no commit yet.", remedy="Push something there.")
        return found[1]

    def clear(self) -> None:
        """Forget tags and branches of earlier fetches, whose names may stand in the way; their commits stay."""
        names = self.git.run("for-each-ref", "--format=delete %(refname)", "refs/tags", "refs/heads")
        self.git.run("update-ref", "--stdin", stdin=names)

    def keep(self, sha: str) -> None:
        """Let a commit's objects stay, so that a later fetch brings only what is new."""
        self.git.run("update-ref", f"refs/tagstone/{sha}", sha)

    def has(self, sha: str) -> bool:
        """Whether a commit is there."""
        return self.git.succeeds("cat-file", "-e", f"{sha}^{{commit}}")

    def missing(self, object_ids: Sequence[str]) -> list[str]:
        """Those objects that are not there."""
        asked = "".join(f"{object_id}\n" for object_id in object_ids).encode()
        lines = self.git.run("cat-file", "--batch-check", stdin=asked).decode().splitlines()
        return sorted({line.removesuffix(" missing") for line in lines if line.endswith(" missing")})

    def _run(self, remote: Remote, *arguments: str) -> bytes:
        before = _size(self.git.folder)
        with tempfile.TemporaryFile() as said:
            # A server may list refs without end, which git keeps in memory.
            process = self.git.begin(
                *arguments, said=said, env=remote.environment(), memory=self._limits.memory, keep=[self._lock]
            )
            try:
                self._watch(process, said, before)
            except Invalid:
                _end(process)
                shutil.rmtree(self.git.folder, ignore_errors=True)  # else it would be small enough the next time
                raise
            finally:
                _end(process)
            said.seek(0)
            printed = said.read(_SAID_BYTES)
        if process.returncode != 0:
            raise _error(printed.decode("utf-8", "replace"))
        return printed

    def _watch(self, process: "subprocess.Popen[bytes]", said: BinaryIO, before: int) -> None:
        ends = time.monotonic() + self._limits.seconds
        while True:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK)
            if _size(self.git.folder) - before > self._limits.bytes or os.fstat(said.fileno()).st_size > _SAID_BYTES:
                raise Invalid(
                    f"The tag is larger than the {self._limits.bytes // 10**6} MB that are fetched at most.",
                    remedy="Put large files somewhere else, and name them in `inputs`.",
                )
            if process.returncode is not None:
                return
            if time.monotonic() > ends:
                raise Temporary(f"Fetching the code took longer than {self._limits.seconds:.0f} s.")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a command with all that it started; one that has ended has no group any more that were ours."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(lock: BinaryIO, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                raise Temporary("Somebody else fetches this project's code for very long.") from None
            time.sleep(_LOOK)
        else:
            return


def _size(folder: Path) -> int:
    """Bytes of all objects; files that are just being renamed count as nothing."""
    found = 0
    for place, _, names in os.walk(folder / "objects"):
        for name in names:
            with suppress(OSError):
                found += os.stat(os.path.join(place, name)).st_size
    return found


def _error(text: str) -> TagstoneError:
    """What a failed fetch means; Git speaks English because LC_ALL is C. What the server prints itself is left out."""
    lines = [line for line in text.splitlines() if not line.startswith("remote:")]
    plain = "\n".join(lines)
    for pattern, kind, message, remedy in _MEANINGS:
        if re.search(pattern, plain, re.MULTILINE | re.IGNORECASE):
            return kind(message, remedy=remedy)
    said = next((line for line in reversed(lines) if line.startswith(("fatal:", "error:"))), "no reason given")
    kept = "".join(character if character.isprintable() else " " for character in said)[:300]
    away = re.search(r"could not resolve host|failed to connect|returned error: (429|5\d\d)", plain, re.IGNORECASE)
    return Away(f"GitLab cannot be reached ({kept}).") if away else Temporary(f"Fetching the code failed ({kept}).")
