"""Programs that end with the process that started them, however that one ends."""

import os
import pwd
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 300.0
_PORTS = range(20_000, 32_000)  # below those that the kernel gives to whoever connects


class Failed(Exception):
    """A program did not come up; the message has the end of its log."""


def free_port() -> int:
    """A port on loopback that nothing listens at."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Say whether something listens at a port on loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(
    command: list[str | Path],
    log: Path,
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str],
    user: str = "",
    ending: signal.Signals = signal.SIGKILL,
) -> Iterator[None]:
    """Run a program until the context closes; `ready` says when it can be used, `ending` ends it. Raises: Failed."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [*_dying_with_us(user, ending), *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=dict(environment),
            cwd=log.parent,
            process_group=0,
        )
    try:
        _wait(process, log, ready)
        yield
    finally:
        _end(process, ending)


def finish(command: list[str | Path], log: Path, *, environment: Mapping[str, str], user: str = "") -> None:
    """Run a program to its end. Raises: Failed."""
    with log.open("ab") as sink:
        done = subprocess.run(
            [*_dying_with_us(user, signal.SIGKILL), *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=dict(environment),
            cwd=log.parent,
            check=False,
            timeout=PATIENCE,
        )
    if done.returncode:
        raise Failed(_end_of(log))


def _dying_with_us(user: str, ending: signal.Signals) -> list[str]:
    prefix = ["setpriv", "--pdeathsig", ending.name.removeprefix("SIG")]
    if user and os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        prefix += ["--reuid", str(entry.pw_uid), "--regid", str(entry.pw_gid), "--clear-groups"]
    return [*prefix, "--"]


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    ending = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > ending:
            raise Failed(_end_of(log))
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes], ending: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, ending)
    process.wait()


def _end_of(log: Path) -> str:
    return f"{log.name}: {log.read_text(encoding='utf-8', errors='replace')[-3000:]}"
