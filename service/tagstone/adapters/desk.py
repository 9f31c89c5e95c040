"""The desk: what is given to the pods of runs on clusters, and what comes back from them, in a folder for each run.

`desk.json` is what was agreed when it was opened, `staging.json` and `keeping.json` are what the pod said last, `log` is what the command
wrote, `incoming` are files on their way, `outputs` is what was brought, laid out as it was in the workspace. Pods are strangers'
neighbours: what they send is counted and limited, and laid out by descriptor, following no link.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import TypeAdapter

from tagstone.adapters.desk_outputs import Incoming, lay
from tagstone.adapters.news import News
from tagstone.adapters.outputs import collect
from tagstone.adapters.workspace import discard
from tagstone.domain.runs.brought import Brought
from tagstone.domain.runs.plan import Given, Orders, Plan
from tagstone.domain.runs.run import LogChunk, OutputFile, OutputRules, RunSpec
from tagstone.domain.runs.told import Keeping, Phase, Problem, Staging, Told
from tagstone.errors import Conflict, Invalid, NotFound, Permanent, TagstoneError, Temporary, Unproven
from tagstone.ports import Clock, Storage

T = TypeVar("T")

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_POD = re.compile(r"[A-Za-z0-9-]{1,64}")
_STORED = re.compile(r"sha256/[0-9a-f]{2}/([0-9a-f]{64})")
_PIECE = 2**20
_HEARD = 2.0  # seconds between two notes of when a pod was heard of
_KINDS: dict[str, type[TagstoneError]] = {"invalid": Invalid, "not-found": NotFound, "permanent": Permanent}
_REMEDY = "Start the run first."


@dataclass(frozen=True)
class _Opened:
    """What was agreed: `keys` are the storage keys of what is given, `pod` who speaks for the run, empty before anybody did."""

    token: str
    keys: tuple[str, ...]
    plan: Plan
    pod: str = ""
    orders: Orders = field(default_factory=Orders)


_OPENED: TypeAdapter[_Opened] = TypeAdapter(_Opened)
_STAGING: TypeAdapter[Staging] = TypeAdapter(Staging)
_KEEPING: TypeAdapter[Keeping] = TypeAdapter(Keeping)


class Desk:
    """Runs below `folder`; several processes may ask at once. Of each log `log_limit` bytes are kept, of each run so many files and bytes."""

    def __init__(
        self,
        folder: Path,
        storage: Storage,
        clock: Clock,
        *,
        log_limit: int = 64 * 2**20,
        max_files: int = 10_000,
        max_bytes: int = 50 * 10**9,
        news: News | None = None,
    ) -> None:
        self._folder = folder.absolute()
        self._storage = storage
        self._clock = clock
        self._log_limit = log_limit
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._news = news or News()
        self._heard: dict[str, float] = {}
        self._incoming: dict[str, Incoming] = {}

    # For the runner.

    def open(self, key: str, spec: RunSpec, *, grace: int = 10, collection: float = 7200.0) -> str:
        """Open the desk for a run and return the token that its pod speaks with, the same one until it is closed.

        Raises:
            NotFound: code or input are not in storage.
        """
        self._place(key).mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked(key):
            opened = self._opened(key)
            if opened is None:
                keys = (spec.code, *(stored for _, stored in spec.files))
                plan = Plan(
                    given=tuple(self._given(stored) for stored in keys),
                    files=tuple(path for path, _ in spec.files),
                    outputs=spec.outputs,
                    time=spec.resources.time,
                    disk=spec.resources.disk,
                    grace=grace,
                    log_bytes=self._log_limit,
                    max_files=self._max_files,
                    max_bytes=self._max_bytes,
                    patience=collection,
                )
                opened = _Opened(secrets.token_urlsafe(32), keys, plan)
                self._write(key, "desk", _OPENED, opened)
        return opened.token

    def told(self, key: str) -> Told:
        """What the pod of a run said last; nothing where nobody spoke."""
        place = self._place(key)
        try:
            heard = (place / "heard").stat().st_mtime
        except FileNotFoundError:
            heard = None
        return Told(self._read(key, "staging", _STAGING) or Staging(), self._read(key, "keeping", _KEEPING) or Keeping(), heard)

    def end(self, key: str, why: str) -> None:
        """Have the command ended (`stop`, `time`, `disk`); what it left is brought all the same. Raises: NotFound."""
        self._order(key, lambda orders: replace(orders, end=orders.end or why))

    def gone(self, key: str) -> None:
        """Tell the keeper that the command's container is no more. Raises: NotFound."""
        self._order(key, lambda orders: replace(orders, gone=True))

    def log(self, key: str, cursor: str) -> LogChunk:
        """Bytes of the command's log since `cursor` (empty: from the start); in the end, how much was left out. Raises: Invalid."""
        at, _, said = (cursor or "0").partition(":")
        if not at.isdecimal() or said not in ("", "told"):
            raise Invalid(f"{cursor[:100]!r} is no place in a log.", remedy="Start from the beginning, with an empty cursor.")
        data = b""
        try:
            with (self._place(key) / "log").open("rb") as file:
                file.seek(int(at))
                data = file.read(_PIECE)
        except FileNotFoundError:
            return LogChunk(b"", cursor)
        if data:
            return LogChunk(data, str(int(at) + len(data)))
        keeping = self.told(key).keeping
        if keeping.phase in (Phase.WAITING, Phase.RUNNING) or not keeping.left_out or said:
            return LogChunk(b"", cursor)
        text = f"\n[Tagstone kept {keeping.log_bytes} bytes of this log; {keeping.left_out} more were left out.]\n"
        return LogChunk(text.encode(), f"{at}:told")

    def collect(self, key: str, rules: OutputRules) -> list[OutputFile]:
        """Put what was brought into storage under its checksums.

        Raises:
            Conflict: it is not all here.
            Invalid: as runs on this machine.
        """
        self._whole(key)
        outputs = self._place(key) / "outputs"
        outputs.mkdir(exist_ok=True)
        return collect(outputs, rules, self._storage)

    def brought(self, key: str, name: str) -> BinaryIO:
        """One file that was brought, to read. Raises: as `collect`, and NotFound where it is none."""
        self._whole(key)
        try:
            return os.fdopen(os.open(self._place(key) / "outputs" / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        except OSError as error:
            raise NotFound(f"The run {key} brought no file {name}.", remedy="Run it again.") from error

    def close(self, key: str) -> None:
        """Forget all of a run; its token is worth nothing any more. Nothing there is no error."""
        place = self._place(key)
        (place / "desk.json").unlink(missing_ok=True)
        self._forget(key)
        discard(place)

    # For its pod.

    def admit(self, key: str, token: str) -> None:
        """Let the pod of a run in. Raises: Unproven for a wrong token, also where there is no such run."""
        opened = self._opened(key) if _KEY.fullmatch(key) else None
        # Compared in any case: the time it takes must not tell which runs there are.
        right = secrets.compare_digest(
            (opened.token if opened else secrets.token_urlsafe(32)).encode(), token.encode("utf-8", "replace")
        )
        if opened is None or not right:
            raise Unproven("This token is not that of an open run.", remedy="Tokens end with their run.")
        self._note_heard(key)

    def begin(self, key: str, pod: str) -> Plan:
        """Let `pod` speak for the run from now on: what was said and brought before is forgotten. Raises: NotFound, Invalid."""
        if not _POD.fullmatch(pod):
            raise Invalid("This names no pod.", remedy="Send its uid.")
        with self._locked(key):
            opened = self._known(key)
            self._forget(key)
            place = self._place(key)
            for name in ("staging.json", "keeping.json", "log", "incoming", "outputs"):
                discard(place / name)
            orders = Orders(end=opened.orders.end if opened.orders.end == "stop" else "")
            self._write(key, "desk", _OPENED, replace(opened, pod=pod, orders=orders))
        return opened.plan

    def check(self, key: str, pod: str) -> None:
        """See that this pod speaks for the run. Raises: Conflict where another one does, NotFound."""
        if self._known(key).pod != pod:
            raise Conflict("Another pod speaks for this run.", remedy="This one may end.")

    def give(self, key: str, number: int) -> tuple[BinaryIO, int]:
        """What is given under this number, and its size (bytes). Raises: NotFound."""
        opened = self._known(key)
        if not 0 <= number < len(opened.keys):
            raise NotFound(f"Nothing has the number {number}.", remedy="Look into the plan.")
        return self._storage.open(opened.keys[number]), opened.plan.given[number].size

    def hear_staging(self, key: str, staging: Staging) -> Orders:
        """Note how far the workspace is, and answer what is wanted. Raises: NotFound."""
        self._write(key, "staging", _STAGING, staging)
        self._news.tell(key)
        return self._known(key).orders

    def hear_keeping(self, key: str, keeping: Keeping) -> Orders:
        """Note how the command stands, and answer what is wanted. Raises: NotFound."""
        self._write(key, "keeping", _KEEPING, keeping)
        self._news.tell(key)
        return self._known(key).orders

    def take_log(self, key: str, offset: int, data: bytes) -> int:
        """Add to the log at `offset`; how much there is of it now. What is there already is not written again. Raises: Conflict."""
        with self._locked(key), (self._place(key) / "log").open("ab") as file:
            have = file.tell()
            if offset > have:
                raise Conflict(f"Of the log {have} bytes are here, not {offset}.", remedy="Go on from there.")
            file.write(data[have - offset :][: max(0, self._log_limit - have)])
            return file.tell()

    def take_part(self, key: str, number: int, offset: int, data: bytes) -> None:
        """Take a part of an output. Raises: Invalid where it would be more than a run may bring, Conflict where one is missing."""
        self._incoming_of(key).take(number, offset, data)

    def take_outputs(self, key: str, lot: Sequence[Brought]) -> None:
        """Lay out what was brought, each file where it was. Raises: Invalid for other bytes than were announced, or no good paths."""
        incoming = self._incoming_of(key)
        outputs = self._place(key) / "outputs"
        with self._locked(key):
            outputs.mkdir(exist_ok=True)
            for brought in lot:
                lay(outputs, brought, incoming)

    def _whole(self, key: str) -> None:
        """See that all outputs are here. Raises: Conflict, and what kept the pod from bringing them."""
        told = self.told(key)
        if told.problem is not None:
            raise _error(told.problem)
        if not told.done:
            raise Conflict(f"The outputs of the run {key} are not all here.", remedy="Wait for its end.")

    def _incoming_of(self, key: str) -> Incoming:
        found = self._incoming.get(key)
        if found is None:
            found = self._incoming[key] = Incoming(
                self._place(key) / "incoming", self._place(key) / "outputs", self._max_files, self._max_bytes
            )
        return found

    def _forget(self, key: str) -> None:
        self._incoming.pop(key, None)
        self._heard.pop(key, None)

    def _given(self, key: str) -> Given:
        size, match = self._storage.size(key), _STORED.fullmatch(key)
        if size is None:
            raise NotFound(f"Nothing is stored under {key}.", remedy="It was deleted, or never finished; run the step again.")
        if match:
            return Given(size, match[1])
        checksum = sha256()
        with self._storage.open(key) as file:
            while piece := file.read(_PIECE):
                checksum.update(piece)
        return Given(size, checksum.hexdigest())

    def _note_heard(self, key: str) -> None:
        now = self._clock.now()
        if now - self._heard.get(key, 0.0) >= _HEARD:
            self._heard[key] = now
            (self._place(key) / "heard").touch()
            os.utime(self._place(key) / "heard", (now, now))

    def _order(self, key: str, change: Callable[[Orders], Orders]) -> None:
        with self._locked(key):
            opened = self._known(key)
            self._write(key, "desk", _OPENED, replace(opened, orders=change(opened.orders)))

    def _known(self, key: str) -> _Opened:
        opened = self._opened(key)
        if opened is None:
            raise NotFound(f"There is no run {key}.", remedy=_REMEDY)
        return opened

    def _opened(self, key: str) -> _Opened | None:
        return self._read(key, "desk", _OPENED)

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise Invalid(f"{key[:100]!r} cannot name a run.", remedy="Use letters, digits and ._- only.")
        return self._folder / key

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        try:
            lock = (self._place(key) / "lock").open("w")
        except FileNotFoundError:
            raise NotFound(f"There is no run {key}.", remedy=_REMEDY) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, key: str, name: str, kind: TypeAdapter[T]) -> T | None:
        try:
            return kind.validate_json((self._place(key) / f"{name}.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _write(self, key: str, name: str, kind: TypeAdapter[T], value: T) -> None:
        place = self._place(key)
        partial = place / f"{name}.{secrets.token_hex(4)}"
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(kind.dump_json(value))
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            raise NotFound(f"There is no run {key}.", remedy=_REMEDY) from None
        partial.replace(place / f"{name}.json")


def _error(problem: Problem) -> TagstoneError:
    if problem.kind == "temporary":
        return Temporary(problem.message, remedy=problem.remedy)
    return _KINDS.get(problem.kind, Permanent)(problem.message, remedy=problem.remedy)
