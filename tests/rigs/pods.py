"""A pod without a cluster: its three containers as processes of this machine, and a desk that they speak to over a real socket."""

import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagstone.adapters.desk import Desk
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.system_clock import SystemClock
from tagstone.desk.serving import serving
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import OutputRules, RunSpec
from tagstone.domain.runs.told import Told

KEY = "publication-1"
_IMAGE = ImageReference("image", f"sha256:{'0' * 64}")
PATIENCE = 120.0  # seconds


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def archive(files: Mapping[str, bytes]) -> bytes:
    """A code archive of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def until(true: Callable[[], bool], patience: float = PATIENCE, pause: float = 0.02) -> None:
    """Wait until something is true, with `pause` seconds between two looks."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(pause)


@dataclass
class Counter:
    """The service's side: a desk, its storage and where it listens."""

    folder: Path
    limits: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.storage = FolderStorage(self.folder / "storage")
        self.port = free_port()
        self.desk = self.anew()

    def anew(self) -> Desk:
        """The desk as another process of this home has it."""
        return Desk(self.folder / "desk", self.storage, SystemClock(), **self.limits)

    @contextmanager
    def open(self) -> Iterator[Desk]:
        """Listen while the context is open."""
        self.desk = self.anew()
        with serving(self.desk, "127.0.0.1", self.port):
            yield self.desk

    def spec(
        self,
        *command: str,
        files: Mapping[str, bytes] | None = None,
        code: Mapping[str, bytes] | None = None,
        outputs: tuple[str, ...] = ("**",),
        time: int = 60,
        disk: int = 2**30,
    ) -> RunSpec:
        """What is asked for; `files` are inputs."""
        kept = self.storage.keep([archive({"code.txt": b"code\n"} if code is None else code)]).key
        inputs = tuple((path, self.storage.keep([content]).key) for path, content in (files or {}).items())
        asked = Resources(time=time, disk=disk)
        return RunSpec(_IMAGE, kept, "/workspace", command, (), asked, files=inputs, outputs=outputs)


class Pod:
    """The folders and processes of one pod."""

    def __init__(
        self, folder: Path, port: int, token: str, *, pod: str = "pod-1", key: str = KEY, lasting: Path | None = None
    ) -> None:
        self.folder = folder
        self.tools, self.control, self.own = (folder / name for name in ("tools", "control", "own"))
        self.workspace = lasting or folder / "workspace"
        for place in (self.tools, self.control, self.own, *(() if lasting else (self.workspace,))):
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o777)
        (folder / "token").write_text(token)
        self._environment = {
            "PATH": os.environ["PATH"],
            "TAGSTONE_DESK": f"http://127.0.0.1:{port}/desk/{key}",
            "TAGSTONE_POD": pod,
            "TAGSTONE_LASTING": "true" if lasting else "",
            "TAGSTONE_TOKEN": str(folder / "token"),
            "TAGSTONE_WORKSPACE": str(self.workspace),
            "TAGSTONE_TOOLS": str(self.tools),
            "TAGSTONE_CONTROL": str(self.control),
            "TAGSTONE_OWN": str(self.own),
            "TAGSTONE_BUSYBOX": "/usr/bin/busybox",
            "PYTHONPATH": str(Path(__file__).parents[2] / "service"),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def stage(self) -> int:
        """Run the init container to its end; its exit code."""
        return self.begin_to_stage().wait(PATIENCE)

    def begin_to_stage(self) -> subprocess.Popen[bytes]:
        """Start the init container."""
        return self._program("stage")

    def keep(self) -> subprocess.Popen[bytes]:
        """Start the keeper."""
        return self._program("keep")

    def run(self, *command: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start the author's container."""
        line = [str(self.tools / "busybox"), "sh", str(self.tools / "hold.sh"), "0022", "--", *command]
        environment = {"PATH": "/usr/bin:/bin", **(env or {}), "TAGSTONE_CONTROL": str(self.control)}
        return self._start(line, environment, self.workspace)

    def kill(self, run: subprocess.Popen[bytes]) -> None:
        """Kill a container with all in it, as the kernel does whose memory is used up."""
        main = int((self.control / "main").read_text())
        os.killpg(run.pid, signal.SIGKILL)
        os.killpg(main, signal.SIGKILL)
        run.wait()

    def end(self) -> None:
        """End what is left of its processes, also of those whose first one has ended."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _program(self, name: str) -> subprocess.Popen[bytes]:
        return self._start([sys.executable, "-m", "tagstone.pod", name], self._environment, self.folder)

    def _start(self, line: list[str], environment: Mapping[str, str], folder: Path) -> subprocess.Popen[bytes]:
        with (self.folder / f"output-{len(self.processes)}").open("wb") as output:
            process = subprocess.Popen(line, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True)
        self.processes.append(process)
        return process


@contextmanager
def pod(folder: Path, port: int, token: str, **given: Any) -> Iterator[Pod]:
    """A pod whose processes end with the context."""
    made = Pod(folder, port, token, **given)
    try:
        yield made
    finally:
        made.end()


def to_its_end(counter: Counter, folder: Path, spec: RunSpec, key: str = KEY) -> Told:
    """Run a pod to its end, as a cluster would; what was told of it."""
    token = counter.desk.open(key, spec, grace=1)
    with pod(folder, counter.port, token, key=key) as made:
        if made.stage() == 0:
            keeper, run = made.keep(), made.run(*spec.command)
            run.wait(PATIENCE)
            keeper.wait(PATIENCE)
    return counter.desk.told(key)


def log_of(desk: Desk, key: str = KEY) -> bytes:
    """The whole log of a run, as it is read piece by piece."""
    data, cursor = b"", ""
    while (chunk := desk.log(key, cursor)).data:
        data, cursor = data + chunk.data, chunk.cursor
    return data


def outputs_of(counter: Counter, *patterns: str, key: str = KEY) -> dict[str, bytes]:
    """What is kept of a run's outputs: paths and content."""
    found = {}
    for file in counter.desk.collect(key, OutputRules(patterns)):
        with counter.storage.open(file.storage_key) as kept:
            found[file.path] = kept.read()
    return found
