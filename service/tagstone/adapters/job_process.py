"""A command run in a CI job's own container. It is given only the variables that are named: the job's own hold its tokens."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagstone.errors import Permanent

_GRACE = 5.0  # seconds between asking a command to end and ending it
_DYING = 1.0  # seconds for what was killed to be gone; where nobody buries the dead, their group stays


@dataclass(frozen=True)
class Ended:
    """How a command ended; `cpu_seconds` of all its processes, `peak_memory` (bytes) of the largest of them."""

    exit_code: int
    timed_out: bool
    cpu_seconds: float
    peak_memory: int


def run_here(command: Sequence[str], variables: Mapping[str, str], folder: Path, seconds: float) -> Ended:
    """Run a command in `folder` for at most `seconds`; what it says goes to where this process speaks.

    Raises:
        Permanent: there is no such command.
    """
    timed_out = False
    try:
        process = subprocess.Popen(command, cwd=folder, env=dict(variables), stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        raise Permanent(
            f"The command cannot be started: {error.strerror}.",
            remedy="Check that its first word exists in the job's image (run: command).",
        ) from None
    with process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end(process)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Ended(process.returncode, timed_out, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command's whole group, first by asking; what it left behind would write into the outputs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
    ends = time.monotonic() + _DYING
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < ends:
            os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
