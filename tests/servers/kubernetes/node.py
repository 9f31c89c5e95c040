"""One node of Kubernetes in namespaces of its own: all of it ends with this process, and nothing of it stays in the machine.

Usage: unshare --mount --net --pid --fork --kill-child --mount-proc python -m servers.kubernetes.node FOLDER PROGRAMS NUMBER

It says `entered`, waits for a line that says that its link to the machine is there, brings everything up, and says `ready`.
Then it does what it is told at the socket `FOLDER/control`, a line at a time (`stop kubelet`, `start kubelet`), until its
standard input ends.
"""

import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from servers.kubernetes.certificates import make_certificates
from servers.kubernetes.parts import Layout, commands, write_configuration

PATIENCE = 180.0
CGROUPS = Path("/sys/fs/cgroup")


class Node:
    """The parts of a node, each a process that can be stopped and started again."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._commands = commands(layout)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def bring_up(self) -> None:
        """Start everything, from an empty folder to a node that takes pods."""
        node = self._layout
        make_certificates(node.folder / "keys", node.address)
        write_configuration(node, secrets.token_hex(16))
        for hierarchy in (place for place in CGROUPS.iterdir() if (place / "cgroup.procs").exists()):
            _make_cgroup(hierarchy / node.cgroup.strip("/"))
        for part in ("registry", "engine", "etcd"):
            self.start(part)
        self.start("api")
        self._await("api", lambda: self._kubectl("get", "--raw", "/readyz"))
        for part in ("controllers", "scheduler"):
            self.start(part)
        self._await("engine", lambda: self._docker("version"))
        _import_pause(node)
        self.start("kubelet")
        self._await("kubelet", lambda: self._kubectl("wait", "--for=condition=Ready", "node/node", "--timeout=1s"))
        self._await("controllers", lambda: self._kubectl("get", "serviceaccount", "default"))

    def start(self, part: str) -> None:
        """Start a part that does not run."""
        with (self._layout.folder / f"{part}.log").open("ab") as log:
            self._running[part] = subprocess.Popen(
                self._commands[part], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._layout.folder
            )

    def stop(self, part: str) -> None:
        """End a part, whatever it is doing."""
        process = self._running.pop(part)
        process.kill()
        process.wait()

    def reap(self) -> None:
        """Take leave of those who ended and whom nobody else waits for: this process is the first of its namespace."""
        for process in self._running.values():
            process.poll()
        ours = {process.pid for process in self._running.values()}
        with suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in ours:
                os.waitpid(ended.si_pid, 0)

    def _await(self, part: str, ready: Callable[[], bool]) -> None:
        ending = time.monotonic() + PATIENCE
        while not ready():
            log = self._layout.folder / f"{part}.log"
            if self._running[part].poll() is not None or time.monotonic() > ending:
                sys.exit(f"{part}: {log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def _kubectl(self, *arguments: str) -> bool:
        kubectl = self._layout.programs / "kubectl"
        return _succeeds([str(kubectl), "--kubeconfig", str(self._layout.kubeconfig), *arguments])

    def _docker(self, *arguments: str) -> bool:
        return _succeeds(["docker", "--host", self._layout.engine, *arguments])


def main(folder: Path, programs: Path, number: int) -> None:
    """Be a node until nobody wants it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then close the cluster
    layout = Layout(programs, folder, f"172.31.{number}.2", f"172.31.{number}.128/25", f"/tagstone-test-{number}")
    _say("entered")
    sys.stdin.readline()
    _settle(layout, number)
    node = Node(layout)
    node.bring_up()
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(folder / "control"))
        control.listen()
        _say("ready")
        _obey(node, control)


def _obey(node: Node, control: socket.socket) -> None:
    while True:
        heard, _, _ = select.select([sys.stdin, control], [], [], 1.0)
        node.reap()
        if sys.stdin in heard and not sys.stdin.readline():
            return
        if control in heard:
            asking, _ = control.accept()
            with asking, asking.makefile("rw") as stream:
                verb, _, part = stream.readline().strip().partition(" ")
                {"stop": node.stop, "start": node.start}[verb](part)
                stream.write("done\n")


def _settle(layout: Layout, number: int) -> None:
    """Make this mount and network namespace a machine of its own: a bridge for its pods, and folders that others have too."""
    _run("ip", "link", "set", "lo", "up")
    # An address of its own: else it takes that of a pod that comes, and loses it again, and is not found for seconds.
    _run("ip", "link", "add", "pods", "address", f"02:00:00:00:00:{number:02x}", "type", "bridge")
    _run("ip", "link", "set", "machine", "master", "pods", "up")
    _run("ip", "address", "add", f"{layout.address}/24", "dev", "pods")
    _run("ip", "link", "set", "pods", "up")
    _run("ip", "route", "add", "default", "via", f"172.31.{number}.1")
    # No names are looked up: the machine's own servers for that cannot be reached from here.
    (layout.folder / "resolv.conf").write_text("")
    _run("mount", "--bind", str(layout.folder / "resolv.conf"), "/etc/resolv.conf")
    _run("mount", "-t", "tmpfs", "run", "/run")
    for place in ("/var/lib/kubelet", "/var/lib/dockershim", "/var/log/pods", "/var/log/containers"):
        own = layout.folder / "places" / place.strip("/")
        own.mkdir(parents=True)
        Path(place).mkdir(parents=True, exist_ok=True)
        _run("mount", "--bind", str(own), place)


def _make_cgroup(place: Path) -> None:
    place.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (place / name).exists():
            (place / name).write_text((place.parent / name).read_text())
    # All pods together would else have no more of a busy machine than one process of the tests beside them.
    for name, share in (("cpu.shares", 20 * 1024), ("cpu.weight", 2000)):
        if (place / name).exists():
            (place / name).write_text(str(share))


def _import_pause(layout: Layout) -> None:
    """Give the engine the image of every pod's first container."""
    docker = ["docker", "--host", layout.engine, "import", "--change", 'ENTRYPOINT ["/pause"]', "-", "tagstone-test/pause:1"]
    with subprocess.Popen(["tar", "-C", str(layout.programs), "-c", "pause"], stdout=subprocess.PIPE) as packing:
        subprocess.run(docker, stdin=packing.stdout, check=True, stdout=subprocess.DEVNULL)


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
