"""Containers as they are on a node: processes in namespaces of their own, a read-only root, the mounts and user that were asked for.

What they have not: cgroups, and a network of their own. The files of a cgroup are there for them to read, with their limits.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SETUP = Path(__file__).with_name("enter.sh")
_HOST = ("usr", "lib", "lib64", "bin", "sbin", "etc")


@dataclass(frozen=True)
class Mount:
    """A folder of the node in a container."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Image:
    """What a node can pull: a folder that is its root, and its configuration; `host` lays this machine's programs into it."""

    root: Path
    env: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/bin"})
    user: str = ""
    host: bool = False
    mounts: tuple[Mount, ...] = ()


@dataclass
class Container:
    """One that was started. `killed_for` is what its node ended it for."""

    process: subprocess.Popen[bytes]
    log: Path
    started_at: float
    finished_at: float | None = None
    killed_for: str = ""

    @property
    def exit_code(self) -> int | None:
        """What runtimes say: 128 and the signal for what a signal ended; None while it runs."""
        code = self.process.poll()
        return None if code is None else code if code >= 0 else 128 - code

    def send(self, number: signal.Signals) -> None:
        """A signal to its first process; without it all others end."""
        within = _children(self.process.pid)
        if number is signal.SIGKILL:
            # Before them: `unshare` ends with 1 where it sees its child killed.
            _send(self.process.pid, number)
        for child in within:
            _send(child, number)

    def wait(self) -> None:
        """Until it is gone."""
        self.process.wait()


def start(
    folder: Path,
    image: Image,
    mounts: Sequence[Mount],
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    workdir: str,
    ids: tuple[int, int],
    limits: Mapping[str, str],
    now: float,
) -> Container:
    """Start a container whose root, log and cgroup are in `folder`."""
    root = folder / "root"
    shutil.copytree(image.root, root, symlinks=True)
    (folder / "cgroup").mkdir()
    for name, content in limits.items():
        (folder / "cgroup" / name).write_text(content)
    placed = [*_system(root, image), *image.mounts, Mount(folder / "cgroup", "/sys/fs/cgroup", read_only=True), *mounts]
    lines = []
    for mount in sorted(placed, key=lambda one: one.target.count("/")):
        if not mount.target.startswith(("/dev/", "/sys/")):
            _make_place(root, mount)
        lines.append(f"{'ro' if mount.read_only else 'rw'} {mount.source} {mount.target}\n")
    for name in ("proc", "dev", "sys", "tmp", workdir.strip("/")):
        (root / name).mkdir(parents=True, exist_ok=True)
    (folder / "mounts").write_text("".join(lines))
    entering = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--",
        "/bin/sh",
        str(_SETUP),
        str(root),
        str(folder / "mounts"),
    ]
    variables = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in env.items())]
    becoming = [
        "/usr/bin/unshare",
        f"--root={root}",
        f"--wd={workdir or '/'}",
        f"--setgid={ids[1]}",
        f"--setuid={ids[0]}",
        "--",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*entering, *variables, *becoming, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    return Container(process, folder / "log", now)


def _system(root: Path, image: Image) -> list[Mount]:
    """The machine's own programs, where an image stands on them."""
    found = []
    for name in _HOST if image.host else ():
        place = Path("/") / name
        if place.is_symlink():
            (root / name).symlink_to(place.readlink())
        elif place.exists():
            found.append(Mount(place, f"/{name}", read_only=True))
    return found


def _make_place(root: Path, mount: Mount) -> None:
    """Where a mount goes is made, as runtimes do."""
    place = root / mount.target.strip("/")
    if mount.source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
