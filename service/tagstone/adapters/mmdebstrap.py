"""Root filesystems from a distribution's own packages, by mmdebstrap: for sites that cannot pull a base.

Mirrors are those that mmdebstrap and apt on this machine are set up with.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

from tagstone.adapters.build_jobs import SEARCH_PATH, stream_of
from tagstone.domain.environments.containerfile import EPOCH
from tagstone.errors import Invalid, Permanent, Temporary

SUITES: dict[str, dict[str, str]] = {
    "debian": {"11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky"},
    "ubuntu": {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "26.04": "resolute"},
}
"""What can be made: suites by distribution, each under its number and its name."""


class Mmdebstrap:
    """Makes root filesystems; `scratch` is a folder for half a gigabyte."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    @contextmanager
    def root(self, distribution: str, suite: str) -> Iterator[BinaryIO]:
        """A minimal root filesystem as an uncompressed tar stream; equal packages give equal contents.

        Raises:
            Invalid: no such distribution or suite.
            Permanent: mmdebstrap is not installed.
            Temporary: packages could not be fetched.
        """
        name = suite_name(distribution, suite)
        with TemporaryDirectory(dir=self._scratch) as folder, TemporaryFile(dir=self._scratch) as said:
            # Not this process's environment, but a fixed one: variables must not change what comes out.
            env = {"PATH": SEARCH_PATH, "HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": str(EPOCH)}
            # mmdebstrap may become another user (_apt) in there.
            Path(folder).chmod(0o755)
            command = ["mmdebstrap", "--variant=minbase", "--format=tar", "--quiet", name, "-"]
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=env)
            except FileNotFoundError:
                raise Permanent("mmdebstrap is not installed.", remedy="Install it: apt-get install mmdebstrap.") from None
            with process:
                output = process.stdout
                try:
                    yield stream_of(iter(lambda: output.read(2**20) if output else b"", b""), lambda: _check(process, said))
                finally:
                    process.terminate()


def suite_name(distribution: str, suite: str) -> str:
    """The name of a suite, such as `bookworm` for `12`. Raises: Invalid."""
    suites = SUITES.get(distribution, {})
    name = suites.get(suite, suite)
    if name not in suites.values():
        known = ", ".join(f"{family}:{name}" for family, names in SUITES.items() for name in names.values())
        raise Invalid(f"{distribution[:60]}:{suite[:60]} cannot be made from packages.", remedy=f"Choose one of {known}.")
    return name


def _check(process: subprocess.Popen[bytes], said: BinaryIO) -> None:
    if process.wait() == 0:
        return
    said.seek(0)
    lines = [line for line in said.read().decode("utf-8", "replace").splitlines() if line.startswith("E:")] or [
        "it said nothing"
    ]
    raise Temporary(
        f"mmdebstrap failed: {lines[0].removeprefix('E:').strip()[:500]}",
        remedy="Look whether apt on this machine reaches its mirror and has the distribution's keys.",
        delay=30.0,
    )
