"""What every hostile case is held to: one clear message with a remedy, nothing half-made, nothing run, bounded time and memory.

A case is made in this process and done in a child of its own with limits, so that one which explodes fails alone.
"""

import ctypes
import gc
import hashlib
import os
import pickle
import resource
import select
import signal
import stat
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagstone.domain.reading.faults import Fault
from tagstone.errors import Invalid, TagstoneError

MIB = 2**20
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h: orphans become ours, so that none is overlooked
_LIBC = ctypes.CDLL(None, use_errno=True)
_LONGEST = 1500  # characters; a message is read by a person
# What stays behind rightly: locks, and the empty frame of an image layout.
_FRAME = {".lock", "oci-layout"}


@dataclass(frozen=True)
class Place:
    """Where a case happens: `home` is Tagstone's, `scratch` for temporary files, `outside` a stranger's that stays untouched."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def outside(self) -> Path:
        return self.root / "outside"

    @property
    def work(self) -> Path:
        """Where a case puts its hostile things."""
        return self.root / "work"

    @property
    def canary(self) -> Path:
        """What an injected command would make; its path needs no quoting."""
        return self.root / "canary"

    @property
    def secret(self) -> Path:
        """A file that nobody may read out, write to or remove."""
        return self.outside / "secret"


@dataclass(frozen=True)
class Case:
    """One hostile thing: `make` puts it there, `do` hands it to Tagstone, which has to say `says` with a `remedy`.

    `where` is FILE:LINE as far as it applies. `do` answers faults, or raises; for what is harmless it answers a text, which
    has to hold `says`. `leaves` are names below home that are allowed to be there afterwards. What is `slow` waits for
    `make test-hostile`.
    """

    name: str
    make: Callable[[Place], Any]
    do: Callable[[Place, Any], object]
    says: str
    remedy: str = ""
    where: str = ""
    leaves: tuple[str, ...] = ()
    seconds: float = 10.0
    memory: int = 192 * MIB
    harmless: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Message:
    """One thing that was said: where, what, and what to do."""

    where: str
    text: str
    remedy: str


@dataclass
class Told:
    """What came of a case, measured in its own process: seconds of a processor, and bytes of memory beside what was there."""

    messages: list[Message] = field(default_factory=list)
    harmless: str | None = None
    broke: str = ""
    seconds: float = 0.0
    memory: int = 0
    children: int = 0
    printed: str = ""


def judged(case: Case, root: Path, record_property: Callable[[str, object], None]) -> Told:
    """Do a case and hold it to all that every case is held to; what was said goes into the printed table."""
    place = _place(root)
    made = case.make(place)
    before, outside = _whole(place.home), _whole(place.outside)
    told = done_apart(case, place, made)
    assert not told.broke, f"{case.name}: {told.broke}"
    _said(case, told)
    assert "Traceback" not in told.printed, told.printed
    assert not place.canary.exists(), "something was run"
    assert _whole(place.outside) == outside, "something outside was touched"
    assert _stray(place, before, case.leaves) == []
    assert told.children == 0, "processes were left"
    assert told.seconds <= case.seconds, f"it took {told.seconds:.1f} s of a processor"
    assert told.memory <= case.memory, f"it took {told.memory / MIB:.0f} MiB"
    outcome = told.harmless if told.harmless is not None else told.messages[0].text
    record_property("hostile", f"{case.name}\t{_short(outcome or '')}\t{told.seconds:.2f} s, {told.memory / MIB:.0f} MiB")
    return told


def cases(table: Sequence[Case]) -> pytest.MarkDecorator:
    """A table of cases as parameters of a test, under their names."""
    names = [case.name for case in table]
    assert len(set(names)) == len(names), "two cases have one name"
    slow = [pytest.param(case, marks=pytest.mark.hostile) if case.slow else case for case in table]
    return pytest.mark.parametrize("case", slow, ids=names)


def done_apart(case: Case, place: Place, made: Any) -> Told:
    """Do a case in a child with limits; whatever is alive when it ends, or its time is over, is killed."""
    reading, writing = os.pipe()
    gc.freeze()  # the child must not pay for touching the parent's garbage
    child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(case, place, made, writing)
    os.close(writing)
    gc.unfreeze()
    try:
        answer = _answer(reading, case.seconds * 6 + 30)  # a machine that is busy is no fault of the case
    finally:
        os.close(reading)
        _kill_group(child)
        os.waitpid(child, 0)
    printed = (place.root / "printed").read_text(errors="replace") if (place.root / "printed").exists() else ""
    if answer is None:
        return Told(broke=f"it did not end in time, or was killed; it printed: {printed[-2000:]}")
    told: Told = pickle.loads(answer)
    told.printed = printed
    return told


def _in_child(case: Case, place: Place, made: Any, writing: int) -> None:
    """Never returns."""
    try:
        os.setsid()
        _LIBC.prctl(_SUBREAPER, 1, 0, 0, 0)
        sink = os.open(place.root / "printed", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(sink, stream)
        tempfile.tempdir = str(place.scratch)
        os.chdir(place.scratch)
        _limit(case)
        before, start = _resident(), _processor()
        told = _outcome(case, place, made)
        told.children = _living_children()
        told.seconds, told.memory = _processor() - start, max(0, _resident() - before)
        data = pickle.dumps(told)
    except BaseException:  # noqa: BLE001 - whatever it is, the parent is told
        data = pickle.dumps(Told(broke=traceback.format_exc()))
    with os.fdopen(writing, "wb") as out:
        out.write(data)
    os._exit(0)


def _limit(case: Case) -> None:
    """Address space beside what is there already, processor time, no core files, and no file of more than 4 GiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    room = pages * resource.getpagesize() + case.memory * 2 + 512 * MIB
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**32, 2**32))
    cpu = int(case.seconds * 2 + 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))


def _outcome(case: Case, place: Place, made: Any) -> Told:
    try:
        answer = case.do(place, made)
    except Invalid as error:
        faults = [fault for fault in error.faults if isinstance(fault, Fault)]
        return Told(_messages(faults) or [Message("", error.message, error.remedy)])
    except TagstoneError as error:
        return Told([Message("", error.message, error.remedy)])
    except BaseException:  # noqa: BLE001 - a defect: it is shown
        return Told(broke=traceback.format_exc())
    if isinstance(answer, str):
        return Told(harmless=answer)
    assert isinstance(answer, Sequence)
    return Told(_messages(answer))


def _messages(faults: Sequence[Fault]) -> list[Message]:
    """Errors; warnings where there is nothing else."""
    kept = [fault for fault in faults if not fault.warning] or list(faults)
    return [
        Message(fault.file if fault.line is None else f"{fault.file}:{fault.line}", fault.message, fault.remedy)
        for fault in kept
    ]


def _said(case: Case, told: Told) -> None:
    if case.harmless:
        assert told.harmless is not None, told.messages
        assert case.says in told.harmless, told.harmless
        return
    assert told.harmless is None, f"it was taken: {told.harmless}"
    assert len(told.messages) == 1, told.messages
    (message,) = told.messages
    assert case.says in message.text, message
    assert len(case.says) > 5, "a case has to know what is said"
    assert message.remedy.strip(), message
    assert case.remedy in message.remedy, message
    assert case.where in message.where, message
    assert len(message.text) <= _LONGEST, "too long to be read"
    assert len(message.remedy) <= _LONGEST, "too long to be read"


def _place(root: Path) -> Place:
    place = Place(root)
    for folder in (place.home, place.scratch, place.outside, place.work):
        folder.mkdir()
    place.secret.write_text("secret-of-somebody-else")
    return place


def _whole(folder: Path) -> dict[str, str]:
    """What is below a folder: paths with kinds, and contents of what is small."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        name = path.relative_to(folder).as_posix()
        small = stat.S_ISREG(info.st_mode) and info.st_size < 10 * MIB
        found[name] = f"{info.st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest() if small else info.st_size}"
    return found


def _stray(place: Place, before: dict[str, str], leaves: tuple[str, ...]) -> list[str]:
    """What was left and should not be: whole contents under their own checksum may stay, all else has to be gone."""
    stray = [f"scratch/{path.name}" for path in place.scratch.iterdir()]
    for name in _whole(place.home).keys() - before.keys():
        path = place.home / name
        content = path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        if not (path.is_dir() or content or path.name in _FRAME or name.startswith(leaves or ("\0",))):
            stray.append(name)
    return stray


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _processor() -> float:
    """Seconds of a processor that this process and its children have had."""
    return sum(
        used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _living_children() -> int:
    """Children of this process that still are, after a moment to end in."""
    for _ in range(50):
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return 0
        time.sleep(0.02)
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())


def _answer(reading: int, seconds: float) -> bytes | None:
    ending = time.monotonic() + seconds
    pieces: list[bytes] = []
    while (left := ending - time.monotonic()) > 0:
        if not select.select([reading], [], [], left)[0]:
            continue
        piece = os.read(reading, 2**16)
        if not piece:
            return b"".join(pieces) or None
        pieces.append(piece)
    return None


def _kill_group(leader: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(leader, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _short(text: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    return line if len(line) <= 110 else line[:109] + "…"
