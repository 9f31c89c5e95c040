"""One execution of an image: what is started, how it stands, and how it ended."""

import posixpath
from dataclasses import dataclass
from enum import StrEnum

from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.hardware import Granted, Resources

USER = 65532
"""Who a run is where its runner could be anybody: no user of any system."""

UMASK = "0022"
"""The umask of every run (octal): engines know no other, and a changed root is given it."""

HOME = ".home"
TEMPORARY = ".tmp"
TEMPORARY_PLACES = ("/tmp", "/var/tmp")  # noqa: S108 - inside the container, where both are the workspace's own
"""Folders of the workspace that are the run's own and never outputs, and where the second is found too."""


class Isolation(StrEnum):
    """What kept the run apart from the host and from others; `none` is buildah's chroot."""

    CONTAINER = "container"
    NONE = "none"


class Outcome(StrEnum):
    """How a run ended. Only `engine` and `disrupted` are no fault of the analysis and begun again by themselves.

    `disrupted` means that what it ran on was taken away, `unschedulable` that no machine had room in time, `refused` that a cluster
    would not admit it, `hardware` that less was granted than was asked for.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out-of-memory"
    TIME_LIMIT = "time-limit"
    DISK_LIMIT = "disk-limit"
    STOPPED = "stopped"
    IMAGE = "image"
    ENGINE = "engine"
    DISRUPTED = "disrupted"
    UNSCHEDULABLE = "unschedulable"
    REFUSED = "refused"
    HARDWARE = "hardware"


@dataclass(frozen=True)
class RunSpec:
    """What a runner is asked to do.

    `code` is the Storage key of the code archive (tar, paths relative to the workspace) that the workspace starts from;
    `files` are inputs laid over it: workspace path and Storage key; `env` is added to the image's own environment; the workspace is mounted at `workdir`.
    `umask` (octal) is what every runner gives, whatever its own is. `outputs` are the patterns of what a runner elsewhere has to bring;
    those that keep the workspace on this machine need not look at them. `project` is the key of the project that it is of: a site may
    have a place of its own for that.
    """

    image: ImageReference
    code: str
    workdir: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    resources: Resources
    network: bool = False
    files: tuple[tuple[str, str], ...] = ()
    umask: str = UMASK
    outputs: tuple[str, ...] = ("**",)
    project: str = ""

    @property
    def place(self) -> str:
        """Where the workspace is in the container, written plainly."""
        return posixpath.normpath(self.workdir)

    @property
    def variables(self) -> dict[str, str]:
        """What the run finds in its environment beside the image's own: what is asked for, and its own folders."""
        return dict(self.env) | {"HOME": f"{self.place}/{HOME}", "TMPDIR": f"{self.place}/{TEMPORARY}"}


@dataclass(frozen=True)
class Sample:
    """What a run used at one moment: `at` in seconds since it began, `cpu` in cores, `memory` in bytes."""

    at: float
    cpu: float
    memory: int


MOST_SAMPLES = 200
_INTERVAL = 0.25  # seconds, in runs so short that they need no longer one


def with_sample(usage: tuple[Sample, ...], sample: Sample) -> tuple[Sample, ...]:
    """The samples with one more, at most 200 of them: as a run grows, those that lie close together become one.

    What becomes one has the mean of the cores in use and the highest memory.
    """
    interval = _INTERVAL
    while sample.at >= interval * MOST_SAMPLES:
        interval *= 2
    kept: list[Sample] = []
    for one in (*usage, sample):
        if not kept or int(kept[-1].at / interval) != int(one.at / interval):
            kept.append(one)
            continue
        last = kept.pop()
        start = kept[-1].at if kept else 0.0
        cores = (last.cpu * (last.at - start) + one.cpu * (one.at - last.at)) / (one.at - start)
        kept.append(Sample(one.at, cores, max(last.memory, one.memory)))
    return tuple(kept)


@dataclass(frozen=True)
class RunStatus:
    """How a run stands now. Times in seconds since the epoch; `outcome` is None while it runs; `usage` has at most 200 samples,
    `cpu_seconds` is the processor time of all processes together.

    `oom_killed_container` and `oom_killed_child` keep apart what engines mix up: the main process against any process.
    `reason` is a cluster's own word for the end, `remedy` what to do about it where more is known than the outcome says, `cluster` the
    name of the one it ran on; `network_held` whether that one was seen to hold pods to its NetworkPolicies, None where nobody tried.
    `at_work` says that `detail` is what is done at the moment, and nothing that it waits for.
    """

    started_at: float | None = None
    finished_at: float | None = None
    outcome: Outcome | None = None
    exit_code: int | None = None
    detail: str = ""
    granted: Granted | None = None
    isolation: Isolation = Isolation.CONTAINER
    engine: str = ""
    peak_memory: int | None = None
    oom_killed_container: bool = False
    oom_killed_child: bool = False
    usage: tuple[Sample, ...] = ()
    cpu_seconds: float | None = None
    reason: str = ""
    remedy: str = ""
    cluster: str = ""
    network_held: bool | None = None
    at_work: bool = False

    @property
    def running(self) -> bool:
        """True until the run has ended."""
        return self.outcome is None

    @property
    def waits(self) -> bool:
        """True while its cluster keeps it waiting, and says for what: there will be news when that changes."""
        return self.running and self.started_at is None and bool(self.cluster and self.detail) and not self.at_work


@dataclass(frozen=True)
class LogChunk:
    """Log bytes since a cursor; pass `cursor` to the next call. Empty `data` means nothing new yet."""

    data: bytes
    cursor: str


@dataclass(frozen=True)
class OutputFile:
    """One file that is kept; `path` relative to the workspace, `size` in bytes.

    A `brought` one was made elsewhere: the run did not make it, and is not said to have.
    """

    path: str
    size: int
    sha256: str
    storage_key: str
    brought: bool = False


@dataclass(frozen=True)
class OutputRules:
    """Which files are outputs (globs, relative to the workspace) and how many and how large they may be (bytes)."""

    patterns: tuple[str, ...]
    max_files: int = 10_000
    max_file_bytes: int = 50 * 10**9
    max_total_bytes: int = 50 * 10**9
