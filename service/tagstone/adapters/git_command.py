"""The `git` command line with everything switched off that a repository's configuration could make it run."""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from tagstone.errors import Forbidden, Invalid, NotFound, Permanent, TagstoneError, Temporary

_SECONDS = 600
_PIECE = 2**16
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.sshCommand=false",
    "core.pager=cat",
    "core.quotePath=false",
    "core.splitIndex=false",
    "credential.helper=",
    "gc.auto=0",
    "i18n.commitEncoding=UTF-8",
    "log.showSignature=false",
    "protocol.allow=never",
    "submodule.recurse=false",
)
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True)
class Git:
    """Git in one repository; `top` is the work tree's folder, None for a bare repository; a `shallow` one lacks its beginning.

    With `anybodys` it may belong to another user.
    """

    folder: Path
    top: Path | None
    program: str
    shallow: bool = False
    anybodys: bool = False

    @staticmethod
    def at(location: str, program: str, *, anybodys: bool = False) -> "Git":
        """Git in the repository that `location` is, or lies in. Raises: NotFound, Invalid, Forbidden."""
        folder = repository_folder(location)
        git = Git(folder, None, program, anybodys=anybodys)
        bare, shallow = (
            answer == b"true" for answer in git.run("rev-parse", "--is-bare-repository", "--is-shallow-repository").split()
        )
        top = None if bare else next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
        return Git(top or folder, top, program, shallow, anybodys)

    def run(self, *arguments: str, may_fail: bool = False, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
        """Run a command and return what it prints; empty when it fails and may. Raises: what `_error` makes of it."""
        try:
            done = subprocess.run(
                self._line(arguments),
                input=stdin,
                capture_output=True,
                timeout=_SECONDS,
                env=self._environment(env),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Temporary(f"git {arguments[0]} took longer than {_SECONDS} s.") from None
        except OSError:
            raise _no_git() from None
        if done.returncode == 0:
            return done.stdout
        error = _error(arguments[0], done.stderr, self.folder)
        if may_fail and isinstance(error, Permanent):
            return b""
        raise error

    def succeeds(self, *arguments: str) -> bool:
        """Whether a command that only answers yes or no says yes."""
        line, env = self._line(arguments), self._environment(None)
        return subprocess.run(line, env=env, capture_output=True, timeout=_SECONDS, check=False).returncode == 0

    def records(self, *arguments: str) -> Iterator[bytes]:
        """Run a command with `-z` and give its records one by one."""
        with self._process(arguments) as (process, said):
            if process.stdin is None or process.stdout is None:
                raise AssertionError("both are pipes")
            process.stdin.close()
            rest = b""
            while piece := process.stdout.read(_PIECE):
                *whole, rest = (rest + piece).split(b"\0")
                yield from whole
            if process.wait(_SECONDS) != 0:
                raise _error(arguments[0], _read(said), self.folder)

    def begin(
        self, *arguments: str, said: BinaryIO, env: dict[str, str], memory: int, keep: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, which prints into `said` and inherits the files in `keep`.

        It and each process that it starts have at most `memory` bytes for their data.
        """
        limited = ["sh", "-c", 'ulimit -d "$1" && shift && exec "$@"', "sh", str(memory // 1024)]
        try:
            return subprocess.Popen(
                [*limited, *self._line(arguments)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=self._environment(env),
                start_new_session=True,
                pass_fds=keep,
            )
        except OSError:
            raise _no_git() from None

    def commit(self, name: str) -> tuple[str, bytes] | None:
        """Id and content of the commit that a name stands for; None when it stands for none."""
        with self._process(("cat-file", "--batch")) as (process, said):
            try:
                found = _asked(process, f"{name}^{{commit}}")
            except NotFound:
                return None
            if found is None:
                process.wait(_SECONDS)
                raise _error("cat-file", _read(said), self.folder)
            return found

    def objects(self, object_ids: Iterable[str]) -> Iterator[bytes]:
        """The content of each object, asked for one after the other. Raises: NotFound."""
        wanted = iter(object_ids)
        for first in wanted:
            yield from self._objects(chain([first], wanted))

    def _objects(self, object_ids: Iterable[str]) -> Iterator[bytes]:
        with self._process(("cat-file", "--batch")) as (process, said):
            for object_id in object_ids:
                found = _asked(process, object_id)
                if found is None:
                    process.wait(_SECONDS)
                    raise _error("cat-file", _read(said), self.folder)
                yield found[1]

    @contextmanager
    def _process(self, arguments: tuple[str, ...]) -> Iterator[tuple[subprocess.Popen[bytes], BinaryIO]]:
        """A running command and the file with its complaints: a pipe that nobody reads would block it when full."""
        pipe = subprocess.PIPE
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    self._line(arguments), stdin=pipe, stdout=pipe, stderr=said, env=self._environment(None)
                )
            except OSError:
                raise _no_git() from None
            try:
                yield process, said
            finally:
                process.kill()
                process.wait()
                _close(process)

    def _line(self, arguments: tuple[str, ...]) -> list[str]:
        owners = ("safe.directory=*",) if self.anybodys else ()
        settings = [part for setting in (*_SETTINGS, *owners) for part in ("-c", setting)]
        return [self.program, "--no-pager", "--literal-pathspecs", *settings, "-C", str(self.folder), *arguments]

    def _environment(self, more: dict[str, str] | None) -> dict[str, str]:
        """GIT_WORK_TREE is set so that a hostile `core.worktree` cannot point elsewhere."""
        place = {"GIT_WORK_TREE": str(self.top)} if self.top else {}
        return _ENVIRONMENT | place | (more or {})


def _asked(process: subprocess.Popen[bytes], name: str) -> tuple[str, bytes] | None:
    """Id and content of one object; None when the command is dying. Git itself does not look whether it is the right one."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    try:
        process.stdin.write(name.encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return None
    header = process.stdout.readline().split()
    if not header:
        return None
    if len(header) != 3:
        raise NotFound(
            f"The Git object {name} is missing.",
            remedy="Fetch it: `git fetch --unshallow` or `git fetch --refetch`; else run `git fsck`.",
        )
    object_id, size = header[0].decode(), int(header[2])
    content = process.stdout.read(size)
    if len(content) != size or process.stdout.read(1) != b"\n":
        return None
    if _object_id(header[1], content, len(object_id)) != object_id:
        raise Invalid(
            f"The Git object {object_id} holds what it should not.", remedy="This repository is broken: run `git fsck`."
        )
    return object_id, content


def _object_id(kind: bytes, content: bytes, length: int) -> str:
    made = hashlib.sha1(usedforsecurity=False) if length == 40 else hashlib.sha256()
    made.update(b"%s %d\0" % (kind, len(content)))
    made.update(content)
    return made.hexdigest()


def _read(said: BinaryIO) -> bytes:
    said.seek(0)
    return said.read(_PIECE)


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes; what was not yet written to a dead process is lost, and nobody misses it."""
    for stream in (process.stdin, process.stdout):
        if stream:
            with suppress(BrokenPipeError):
                stream.close()


def repository_folder(location: str) -> Path:
    """The real folder that a location names. Raises: NotFound, Invalid."""
    if "://" in location or "\0" in location:
        raise Invalid(
            f"{location[:200]!r} is no folder of this machine.", remedy="Clone the repository and name the clone's folder."
        )
    try:
        folder = Path(location).resolve()
        found = folder.is_dir()
    except (OSError, RuntimeError, ValueError):
        found = False
    if not found:
        raise NotFound(f"There is no folder {location[:200]!r}.", remedy="Name the folder of a Git repository.")
    return folder


def _no_git() -> TagstoneError:
    return Permanent("The program `git` cannot be run.", remedy="Install it, on Debian with `apt-get install git`.")


def _error(verb: str, stderr: bytes, folder: Path) -> TagstoneError:
    """What a failed command means; Git speaks English because LC_ALL is C."""
    text = stderr.decode("utf-8", "replace").strip()
    last = text.splitlines()[-1][:300] if text else "no reason given"
    if "dubious ownership" in text:
        return Forbidden(
            f"The repository at {folder} belongs to another user.",
            remedy="Run Tagstone as its owner, or make the folder yours; what it holds could run as you otherwise.",
        )
    if "not a git repository" in text:
        return NotFound(f"There is no Git repository at {folder}.", remedy="Make one: `git init`, `git add .`, `git commit`.")
    if "missing" in text or "bad object" in text or "unable to read" in text:
        return Invalid(f"Git objects are missing: {last}.", remedy="Fetch them: `git fetch --unshallow`; else run `git fsck`.")
    return Permanent(f"git {verb} failed: {last}.", remedy=f"Try it by hand in {folder}; `git fsck` finds broken repositories.")
