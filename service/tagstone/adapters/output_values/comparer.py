"""Comparing two files by value in a child process, whose end is always one answer."""

import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from tagstone.domain.manifests.sections import Output
from tagstone.domain.runs.comparison import Deviation
from tagstone.domain.runs.hardware import format_bytes, format_seconds
from tagstone.errors import Temporary

_ANSWER: TypeAdapter[Deviation] = TypeAdapter(Deviation)
_MOST_ANSWER = 64 * 1024
_LONGEST_NOTE = 400
_CHUNK = 2**20


class ProcessComparer:
    """Compares in children that have `memory` bytes and `seconds` of processor time each; `scratch` is for spooled copies."""

    def __init__(self, scratch: Path, *, memory: int = 2 * 2**30, seconds: int = 600) -> None:
        self._scratch = scratch
        self._memory = memory
        self._seconds = seconds

    def compare(self, recorded: BinaryIO, found: BinaryIO, rule: Output) -> Deviation:
        """How far apart the values of two files are; files that cannot be read have that as their `problem`.

        Raises:
            Temporary: no process can be started.
        """
        with ExitStack() as stack:
            handles = [stack.enter_context(self._descriptor(stream)) for stream in (recorded, found)]
            limits = [str(number) for number in (self._memory, self._seconds, *handles)]
            module = f"{__package__}.child"
            # -P: the current folder is not searched for modules.
            command = [sys.executable, "-P", "-m", module, rule.compare, repr(rule.rtol), repr(rule.atol), *limits]
            return self._answer(command, handles)

    def _answer(self, command: list[str], handles: list[int]) -> Deviation:
        try:
            # One thread: each would take room for itself in the memory that the child may have.
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=handles,
                cwd="/",
                env={"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "HOME": "/nonexistent"},
            )
        except OSError as error:
            raise Temporary(f"A process for comparing could not be started: {error.strerror}.") from error
        patience = 60 + 4 * self._seconds  # the machine may be busy with others
        with child:
            try:
                said, _ = child.communicate(timeout=patience)
            except BaseException as error:
                child.kill()
                if isinstance(error, subprocess.TimeoutExpired):
                    return Deviation(problem=f"it takes longer than {format_seconds(patience)}")
                raise
        return self._understood(child.returncode, said)

    def _understood(self, code: int, said: bytes) -> Deviation:
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return Deviation(problem=f"it takes more than {format_seconds(self._seconds)} of processor time")
        if code != 0:
            what = f"signal {-code}" if code < 0 else f"exit code {code}"
            limit = format_bytes(self._memory)
            return Deviation(problem=f"what reads it broke ({what}); it may have needed more than {limit} of memory")
        try:
            answer = _ANSWER.validate_json(said[:_MOST_ANSWER])
        except ValidationError:
            return Deviation(problem="what reads it gave no answer")
        notes = tuple(_one_line(note) for note in answer.notes)
        return Deviation(answer.beyond, answer.largest, answer.relative, notes, _one_line(answer.problem))

    @contextmanager
    def _descriptor(self, stream: BinaryIO) -> Iterator[int]:
        """The stream as an open file of this machine, from its start on."""
        try:
            stream.seek(0)
            handle = os.dup(stream.fileno())
        except io.UnsupportedOperation:
            with tempfile.TemporaryFile(dir=self._scratch) as copy:
                while chunk := stream.read(_CHUNK):
                    copy.write(chunk)
                copy.seek(0)
                yield copy.fileno()
            return
        try:
            yield handle
        finally:
            os.close(handle)


def _one_line(text: str) -> str:
    """A text that came from the child, which a stranger's file may have taken over."""
    plain = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return plain if len(plain) <= _LONGEST_NOTE else plain[: _LONGEST_NOTE - 1] + "…"
