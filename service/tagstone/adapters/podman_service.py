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
from hashlib import sha256
from pathlib import Path

from tagstone.errors import Temporary

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# An init is mounted into images of any kind, so it has to be a static program.
_INITS = ("/usr/libexec/podman/catatonit", "/usr/bin/catatonit", "/usr/bin/tini-static", "/usr/bin/docker-init")


def answers(path: Path) -> bool:
    """Say whether somebody listens at this Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


class PodmanService:
    """The service in `folder`: it may take `start_seconds` to start, and ends after `idle_seconds` without a call."""

    def __init__(self, folder: Path, *, start_seconds: float = 30.0, idle_seconds: int = 120) -> None:
        self._folder = folder.absolute()
        self._start_seconds = start_seconds
        self._idle_seconds = idle_seconds

    @staticmethod
    def usable() -> bool:
        """Say whether this user can have one: Podman is installed, and we are root."""
        return os.geteuid() == 0 and shutil.which("podman", path=_PATH) is not None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._short / "podman.sock"

    def wake(self) -> None:
        """Return when the service answers, starting it if need be. Raises: Temporary."""
        if answers(self.socket):
            return
        with self._starting():
            if not answers(self.socket):
                self._start()

    @property
    def _short(self) -> Path:
        """What is gone after a restart anyway; Podman allows this path 50 characters, and a socket 107."""
        return Path(f"/run/tagstone-{sha256(os.fsencode(self._folder)).hexdigest()[:12]}")

    def _start(self) -> None:
        self._write_configuration()
        paths = {"root": self._folder / "root", "runroot": self._short / "run", "tmpdir": self._short / "tmp"}
        arguments = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        # Otherwise a mount would keep the folder from being removed.
        arguments += ["--storage-opt", "skip_mount_home=true"]
        service = ["system", "service", "--time", str(self._idle_seconds), f"unix://{self.socket}"]
        with (self._folder / "service.log").open("wb") as log:
            # setsid --fork: the service belongs to nobody, so that it is neither killed with us nor left as a zombie.
            subprocess.run(
                ["setsid", "--fork", "podman", "--log-level", "error", *arguments, *service],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._short,
                env={
                    "PATH": _PATH,
                    "HOME": str(self._folder),
                    "CONTAINERS_CONF": str(self._folder / "containers.conf"),
                },
            )
        waiting = threading.Event()
        for _ in range(int(self._start_seconds / 0.05)):
            if answers(self.socket):
                return
            waiting.wait(0.05)
        raise Temporary(f"Podman's service did not start: {self._last_words()}", remedy="Run `tagstone doctor`.")

    def _write_configuration(self) -> None:
        self._short.mkdir(exist_ok=True, mode=0o700)
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

    @contextmanager
    def _starting(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _last_words(self) -> str:
        text = (self._folder / "service.log").read_text(errors="replace").strip()
        return text.splitlines()[-1][:300] if text else "it said nothing."
