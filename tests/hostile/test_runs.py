"""Runs that do their worst, in real engines: what is said of each, and that nothing of them stays."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hostile.conftest import LOG_BYTES, PIDS
from rigs.runs import Rig
from tagstone.actions.run import failure
from tagstone.adapters.chroot_runs import ChrootRuns
from tagstone.domain.runs.run import Outcome, OutputRules
from tagstone.errors import Invalid

pytestmark = pytest.mark.hostile

MIB = 2**20
ANY = ("podman", "docker", "chroot")
HELD = ("podman", "docker")  # a changed root holds neither processes nor memory, and says so
MARK = "981237"  # seconds that nothing else sleeps


@dataclass(frozen=True)
class Run:
    """A script for a shell, how it has to end, and what has to be said; `asks` is the hardware that it gets."""

    name: str
    script: str
    outcomes: tuple[Outcome, ...]
    says: str = ""
    log: str = ""
    never: str = "secret-of-somebody-else"
    on: tuple[str, ...] = ANY
    asks: Mapping[str, float] = field(default_factory=dict)
    outputs: str = ""


FAILED, TIME, DISK, MEMORY, DONE = (
    (Outcome.FAILED,),
    (Outcome.TIME_LIMIT,),
    (Outcome.DISK_LIMIT,),
    (Outcome.OUT_OF_MEMORY,),
    (Outcome.SUCCEEDED,),
)
SHORT = {"time": 3}
SMALL = {"disk": 8 * MIB}
RUNS = [
    Run("fills the disk with one file", "exec dd if=/dev/zero of=big bs=1M", DISK, "more than", asks=SMALL),
    Run("fills the disk with many files", "while :; do i=$((i+1)); dd if=/dev/zero of=f$i bs=200k count=1 2>/dev/null; done",
        DISK, "more than", asks=SMALL),
    Run("makes a million files", "while :; do i=$((i+1)); : > f$i; done", DISK, "more than", asks={"disk": 2 * MIB}),
    Run("writes 1 TB sparse", "dd if=/dev/zero of=big bs=1M count=1 seek=1000000; exit 3", (*DISK, *FAILED), "", asks=SMALL),
    Run("ignores being asked to end", "trap '' TERM INT HUP QUIT; while :; do :; done", TIME, "longer than", asks=SHORT),
    Run("sleeps beyond its time", f"exec sleep {MARK}", TIME, "longer than", asks={"time": 1}),
    Run("starts children without end that ignore being asked",
        "trap '' TERM; f() { while :; do sleep 0.2 & wait; done; }; f & f & f & wait", TIME, "longer than", asks=SHORT),
    Run("leaves daemons", f"(trap '' HUP TERM; exec sleep {MARK}) & (sleep {MARK} &) ; exit 0", DONE),
    Run("forks without end", "b() { b & b & sleep 1; }; b; sleep 2", (*FAILED, *TIME, *DONE, *MEMORY), on=HELD, log="fork",
        asks={"time": 4, "memory": 96 * MIB}),
    Run("allocates all memory", "exec tail /dev/zero", MEMORY, "memory", on=HELD, asks={"memory": 48 * MIB}),
    Run("allocates all memory as a file in memory", "exec dd if=/dev/zero of=/dev/shm/x bs=1M", (*MEMORY, *FAILED), "", on=HELD,
        asks={"memory": 48 * MIB}),
    Run("prints 1 GB", "yes 0123456789012345678901234567890123456789 | head -c 1000000000", (*DONE, *TIME), asks={"time": 8}),
    Run("prints escapes", r"printf '\033[2J\033]0;owned\007\302\233'; exit 1", FAILED, "ended with"),
    Run("writes to the kernel", "for f in /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/sys/kernel/core_pattern "
        "/sys/kernel/mm/transparent_hugepage/enabled; do echo x > $f && echo WROTE; done; echo end", DONE, log="end", never="WROTE"),
    Run("makes itself unkillable for the kernel", "echo -1000 > /proc/self/oom_score_adj && echo WROTE; echo end", DONE, log="end",
        never="WROTE"),
    Run("kills everybody", "kill -9 -1; kill -9 1; exit 4", FAILED, "", on=HELD),
    Run("makes devices and mounts", "mknod sda b 8 0 && echo WROTE; mount -t proc p /tmp && echo WROTE; echo end", DONE, log="end",
        never="WROTE"),
    Run("tries the network", "nc -w 2 127.0.0.1 {port} </dev/null && echo REACHED; nc -w 2 169.254.169.254 80 </dev/null && "
        "echo REACHED; echo end", DONE, log="end", never="REACHED", on=HELD),
    Run("reads what is ours", "cat {outside}/secret /proc/1/environ /root/.ssh/* ../../secret; ls {outside}; env; echo end", DONE,
        log="end"),
    Run("writes where we are", "echo x > {outside}/new; rm -rf {outside}; echo end", DONE, log="end"),
    Run("removes its own workspace", "rm -rf /workspace/* /workspace/.[a-z]*; echo end", DONE, log="end", outputs="No file matches"),
    Run("leaves a link for an output", "ln -s {outside}/secret out.csv", DONE, outputs="is a symbolic link"),
    Run("leaves a pipe for an output", "mkfifo out.csv", DONE, outputs="is a device, pipe or socket"),
    Run("leaves a hard link for an output", "echo x > a; ln a out.csv", DONE, outputs="is a hard link"),
    Run("leaves a folder without end for an output",
        "mkdir out.csv; cd out.csv; i=0; while [ $i -lt 300 ]; do mkdir d && cd d || break; i=$((i+1)); done; true", DISK, "more than"),
    Run("locks its folders", "mkdir out.csv; echo x > out.csv/a; chmod 0 out.csv . ; exit 5", FAILED, "exit code 5"),
    Run("swaps its home for a link", "rm -rf .home .tmp; ln -s {outside} .home; ln -s / .tmp; echo x > out.csv", DONE),
]  # fmt: skip


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server on this machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody else, with a secret that a run must not see, though anybody may read it here."""
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o755)
    (folder / "secret").write_text("secret-of-somebody-else")
    return folder


@pytest.mark.parametrize("run", RUNS, ids=[run.name for run in RUNS])
def test_a_hostile_run(
    run: Run, rig: Rig, engine: object, port: int, outside: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    name = "chroot" if isinstance(rig.runner, ChrootRuns) else str(engine).split()[0].lower()
    if name not in run.on:
        return
    script = run.script.replace("{port}", str(port)).replace("{outside}", str(outside))
    if run.log == "fork":
        _hold_processes(rig)
    begun = time.monotonic()
    key = rig.key()
    spec = rig.spec(script, **{"time": 15, "memory": 128 * MIB, "disk": 64 * MIB, **run.asks})
    rig.runner.start(key, spec)
    status = rig.until_ended(key)
    said = rig.whole_log(key)
    assert status.outcome in run.outcomes, (status, said[-500:])
    told = status.detail or str(status.outcome)
    if status.outcome is not Outcome.SUCCEEDED:
        error = failure(status, spec, key)
        told = error.message
        assert run.says in told, told
        assert error.remedy.strip()
        assert len(told) < 1000
    assert len(said) <= LOG_BYTES + 200  # and the line that says so
    assert run.log in said.decode(errors="replace"), said[-500:]
    assert run.never not in said.decode(errors="replace")
    if run.outputs:
        with pytest.raises(Invalid) as caught:
            rig.runner.collect(key, OutputRules(("out.csv",)))
        told = caught.value.message
        assert run.outputs in told
        assert caught.value.remedy
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    _nothing_stays(rig, key, engine, tmp_path)
    took = time.monotonic() - begun
    record_property("hostile", f"runs: {run.name} ({name})\t{told[:110]}\t{took:.1f} s")


def _nothing_stays(rig: Rig, key: str, engine: object, folder: Path) -> None:
    taken = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    assert taken < 150 * MIB, "it filled the disk"
    rig.runner.remove(key)
    if engine is not None:
        assert engine.client.containers.list(all=True) == []  # type: ignore[attr-defined]
    assert not (folder / "runs" / key).exists()
    for _ in range(100):
        if not (left := _left()):
            break
        time.sleep(0.1)
    assert left == []


def _hold_processes(rig: Rig) -> None:
    """Nothing that forks may begin before the limit of processes was seen from inside."""
    status, _ = rig.shell("sleep 1")
    assert status.granted is not None
    assert status.granted.pids_limit == PIDS
    rig.runner.remove(rig.keys[-1])


def _left() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if line.startswith(b"sleep\0" + MARK.encode()):
            found.append(line)
    return found
