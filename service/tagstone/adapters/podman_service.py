"""A Podman service of our own: started when it is needed, with storage of its own, ending by itself when nobody calls.

For root where no engine's socket was found. Containers outlive it: it only answers calls. Its configuration asks for
nothing that a confined root lacks: no raised limits, no systemd, no journal.
"""

import fcntl
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagstone.errors import Permanent, Temporary

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# An init is mounted into images of any kind, so it has to be a static program.
_INITS = ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit", "/usr/bin/tini-static", "/usr/bin/docker-init")
_IDLE = 120  # seconds without a call after which the service ends


class PodmanService:
    """The service in `folder`; an explicit `start_seconds` is how long its start may take."""

    def __init__(self, folder: Path, start_seconds: float = 20.0) -> None:
        self._folder = folder.absolute()
        self._start_seconds = start_seconds

    @staticmethod
    def usable() -> bool:
        """Say whether this user can have one: Podman is installed, and we are root."""
        return os.geteuid() == 0 and shutil.which("podman", path=_PATH) is not None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / "podman.sock"

    def wake(self) -> None:
        """Return when the service answers, starting it if need be. Raises: Temporary, Permanent."""
        if self._answers():
            return
        if len(os.fsencode(self.socket)) > 100:
            raise Permanent(
                f"The path of Podman's socket is too long: {self.socket}.",
                remedy="Set TAGSTONE_HOME to a folder with a shorter path (a socket's path has at most 107 bytes).",
            )
        with self._starting():
            if not self._answers():
                self._start()

    def _start(self) -> None:
        self._write_configuration()
        arguments = ["--root", "root", "--runroot", "run", "--tmpdir", "tmp"]
        paths = [text if text.startswith("-") else str(self._folder / text) for text in arguments]
        service = ["system", "service", "--time", str(_IDLE), f"unix://{self.socket}"]
        with (self._folder / "service.log").open("wb") as log:
            # setsid --fork: the service belongs to nobody, so that it is neither killed with us nor left as a zombie.
            subprocess.run(
                ["setsid", "--fork", "podman", *paths, *service],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder / "tmp",
                env={
                    "PATH": _PATH,
                    "HOME": str(self._folder),
                    "CONTAINERS_CONF": str(self._folder / "containers.conf"),
                },
            )
        waiting = threading.Event()
        for _ in range(int(self._start_seconds / 0.05)):
            if self._answers():
                return
            waiting.wait(0.05)
        raise Temporary(f"Podman's service did not start: {self._last_words()}", remedy="Run `tagstone doctor`.")

    def _write_configuration(self) -> None:
        (self._folder / "tmp").mkdir(exist_ok=True)
        init = next((path for path in _INITS if Path(path).exists()), None)
        lines = [
            "[containers]",
            "default_ulimits = []",
            'log_driver = "k8s-file"',
            "http_proxy = false",
            # The monitor's memory is not the run's.
            'cgroups = "no-conmon"',
            "[engine]",
            'cgroup_manager = "cgroupfs"',
            'events_logger = "file"',
            # The default is one piece of shared memory for every Podman of this user.
            'lock_type = "file"',
        ]
        if shutil.which("runc", path=_PATH):
            lines.append('runtime = "runc"')
        if init:
            lines.append(f'init_path = "{init}"')
        (self._folder / "containers.conf").write_text("\n".join(lines) + "\n")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(5.0)
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True

    @contextmanager
    def _starting(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _last_words(self) -> str:
        text = (self._folder / "service.log").read_text(errors="replace").strip()
        return text.splitlines()[-1][:300] if text else "it said nothing."
