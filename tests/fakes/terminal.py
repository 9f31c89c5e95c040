"""A person at a terminal: a program in a pseudo-terminal, what it shows, and what is typed."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """One program as somebody sees it."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self.shown = ""

    def until(self, pattern: str, seconds: float = 60) -> str:
        """Read until the pattern is shown; all that was shown so far."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, f"{pattern!r} never came: {self.shown}"
            self._read(0.2)
        return self.shown

    def type(self, text: str) -> None:
        """Type; a line needs its newline."""
        os.write(self._master, text.encode())

    def break_off(self, seconds: float = 60) -> int:
        """Press Ctrl-C until the program ends; the exit code.

        Once may not be enough: Python heeds none that comes in the moment before it waits for a line.
        """
        deadline = time.monotonic() + seconds
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on and on: {self.shown}"
            self.type("\x03")
            self._read(2.0)
        self._read(0.0)
        return self._process.returncode

    def ends(self, seconds: float = 60) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on and on: {self.shown}"
            self._read(0.2)
        self._read(0.0)
        return self._process.returncode

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if ready:
            try:
                text = os.read(self._master, 65536).decode("utf-8", "replace")
                self.shown += _COLOURS.sub("", text).replace("\r\n", "\n")
            except OSError:  # the program has closed its side
                time.sleep(0.05)


@contextmanager
def terminal(command: list[str], env: dict[str, str]) -> Iterator[Terminal]:
    """Start a program in a terminal of its own, and end it if it still runs."""
    master, slave = pty.openpty()
    # Only the terminal that controls a session turns Ctrl-C into a signal; what runs in the background may have been told to
    # ignore it, and passes that on.
    started = ["env", "--default-signal=INT", "setsid", "--ctty", "--wait", *command]
    process = subprocess.Popen(started, stdin=slave, stdout=slave, stderr=slave, env=env | {"TERM": "xterm"})
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
