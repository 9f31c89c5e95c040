"""What is known of one run, in a folder that outlives every process: `spec.json` when its workspace is whole, `begun.json`
before anything is started, `ending.json` before it is ended by us, `seen.json` for what was read while it ran, and
`status.json` when it is over. Runs on a cluster have `turn.json` before anything is made there. Every file is whole or not there.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeVar

from pydantic import TypeAdapter

from tagstone.domain.runs.run import Outcome, RunSpec, RunStatus
from tagstone.domain.runs.seen import Seen
from tagstone.errors import Invalid, NotFound

T = TypeVar("T")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SPEC: TypeAdapter[RunSpec] = TypeAdapter(RunSpec)
_STATUS: TypeAdapter[RunStatus] = TypeAdapter(RunStatus)


@dataclass(frozen=True)
class Begun:
    """What was started; `name` is the engine's identifier of it, `boot` the kernel's of the time since it was switched on."""

    name: str
    boot: str


@dataclass(frozen=True)
class Turn:
    """The cluster that a run was given to, what its Job is called there, and when (seconds since the epoch).

    `nonce` tells one try from the next; `uid` is the cluster's identifier of the Job, empty until it is known to be there.
    """

    cluster: str
    namespace: str
    job: str
    nonce: str
    at: float
    uid: str = ""


@dataclass(frozen=True)
class Ending:
    """Why we ended the run."""

    outcome: Outcome
    detail: str


_BEGUN: TypeAdapter[Begun] = TypeAdapter(Begun)
_TURN: TypeAdapter[Turn] = TypeAdapter(Turn)
_ENDING: TypeAdapter[Ending] = TypeAdapter(Ending)
_SEEN: TypeAdapter[Seen] = TypeAdapter(Seen)


def boot() -> str:
    """The kernel's identifier of the time since this machine was switched on."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class RunFolder:
    """The folder of the run `key` below `parent`. Raises: Invalid for a key that is no plain name."""

    def __init__(self, parent: Path, key: str) -> None:
        if not _KEY.fullmatch(key):
            raise Invalid(f"{key[:100]!r} cannot name a run.", remedy="Use letters, digits and ._- only.")
        self.key = key
        self.path = parent.absolute() / key

    @property
    def workspace(self) -> Path:
        """The workspace, there when `spec` is."""
        return self.path / "workspace"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who starts or removes this run."""
        with ExitStack() as stack:
            while True:
                self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = stack.enter_context((self.path / "lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self._is_current(lock):
                    break
            yield

    @property
    def spec(self) -> RunSpec | None:
        """What was asked for, None until the workspace is whole."""
        return self._read("spec", _SPEC)

    @spec.setter
    def spec(self, value: RunSpec) -> None:
        self._write("spec", _SPEC, value)

    @property
    def begun(self) -> Begun | None:
        """What was started, None when nothing was."""
        return self._read("begun", _BEGUN)

    @begun.setter
    def begun(self, value: Begun) -> None:
        self._write("begun", _BEGUN, value)

    @property
    def turn(self) -> Turn | None:
        """Where it was given to a cluster, None when it was not."""
        return self._read("turn", _TURN)

    @turn.setter
    def turn(self, value: Turn) -> None:
        self._write("turn", _TURN, value)

    @property
    def ending(self) -> Ending | None:
        """Why we ended it, None when we did not; the first reason stays."""
        return self._read("ending", _ENDING)

    @ending.setter
    def ending(self, value: Ending) -> None:
        if self.ending is None:
            self._write("ending", _ENDING, value)

    @property
    def seen(self) -> Seen:
        """What was read while it ran."""
        return self._read("seen", _SEEN) or Seen()

    @seen.setter
    def seen(self, value: Seen) -> None:
        if value != self.seen:
            self._write("seen", _SEEN, value)

    @property
    def status(self) -> RunStatus | None:
        """How it ended, None while it has not."""
        return self._read("status", _STATUS)

    @status.setter
    def status(self, value: RunStatus) -> None:
        self._write("status", _STATUS, value)

    def _is_current(self, lock: TextIO) -> bool:
        """False when the run was removed, with its lock, while we waited."""
        try:
            return (self.path / "lock").stat().st_ino == os.fstat(lock.fileno()).st_ino
        except FileNotFoundError:
            return False

    def _read(self, name: str, kind: TypeAdapter[T]) -> T | None:
        try:
            return kind.validate_json((self.path / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return None

    def _write(self, name: str, kind: TypeAdapter[T], value: T) -> None:
        partial = self.path / f"{name}.partial"
        with partial.open("wb") as file:
            file.write(kind.dump_json(value))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / f"{name}.json")


def known(parent: Path, key: str) -> RunFolder:
    """The folder of a run that was started. Raises: NotFound."""
    run = RunFolder(parent, key)
    if run.spec is None:
        raise NotFound(f"There is no run {key}.", remedy="Start it first.")
    return run
