"""A runner with what it stands on, and things for it to run."""

import io
import itertools
import os
import shlex
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fakes.runner import FakeRunner
from tagstone.domain.images.oci import CONFIG, LAYER, ImageReference, ImageSettings, Platform
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import Outcome, RunSpec, RunStatus
from tagstone.image.manifest import config_bytes, manifest_bytes
from tagstone.ports import Registry, Runner, Storage

APPLETS = "sh cat cp dd echo env false head id kill ln ls mkdir mkfifo mknod mount nc ping printf ps rm seq sleep tail touch tr true yes"
WORKDIR = "/workspace"
_numbers = itertools.count()


@dataclass(frozen=True)
class Analysis:
    """What a run shall do, for fakes and shells alike."""

    writes: dict[str, str] = field(default_factory=dict)
    says: str = ""
    exit_code: int = 0
    endless: bool = False

    @property
    def script(self) -> str:
        lines = []
        for path, text in self.writes.items():
            lines.append(f"mkdir -p {shlex.quote(str(Path(path).parent))}")
            lines.append(f"printf %s {shlex.quote(text)} > {shlex.quote(path)}")
        lines.append(f"printf %s {shlex.quote(self.says)}")
        if self.endless:
            lines.append("while :; do sleep 0.1; done")
        lines.append(f"exit {self.exit_code}")
        return "\n".join(lines)


@dataclass
class Rig:
    """A runner, what it stands on, and the keys that were used."""

    make: Callable[[], Runner]
    storage: Storage
    image: ImageReference
    runner: Runner = field(init=False)
    keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runner = self.make()

    def key(self) -> str:
        """A key that nobody has used."""
        self.keys.append(f"p{os.getpid()}-{next(_numbers)}")
        return self.keys[-1]

    def spec(self, script: str = "", **resources: float) -> RunSpec:
        """A run of a shell script in a workspace that holds `code.txt`."""
        asked = {"cpu": 1.0, "memory": 128 * 2**20, "disk": 64 * 2**20, "time": 60}
        return RunSpec(
            image=self.image,
            code="code.tar",
            workdir=WORKDIR,
            command=("sh", "-c", script),
            env=(("GREETING", "hello"),),
            resources=Resources(**{**asked, **resources}),  # type: ignore[arg-type]  # numbers of both kinds
        )

    def start(self, analysis: Analysis, key: str | None = None) -> str:
        """Start what any runner can do."""
        key = key or self.key()
        if isinstance(self.runner, FakeRunner):
            self.runner.looks = -1 if analysis.endless else 1
            self.runner.outcome = Outcome.FAILED if analysis.exit_code else Outcome.SUCCEEDED
            self.runner.exit_code = analysis.exit_code
            self.runner.outputs = {path: text.encode() for path, text in analysis.writes.items()}
            self.runner.log = analysis.says.encode()
        self.runner.start(key, self.spec(analysis.script))
        return key

    def until_said(self, key: str) -> RunStatus:
        """Look until it has begun and said something: a whole line, since engines keep back what is less."""
        for _ in range(1200):
            status = self.runner.observe(key)
            if status.started_at is not None and self.runner.logs(key, "").data:
                return status
            assert status.running, status
            time.sleep(0.05)
        raise AssertionError(status)

    def until_ended(self, key: str) -> RunStatus:
        """Look until it is over."""
        for _ in range(1200):
            status = self.runner.observe(key)
            if not status.running:
                return status
            time.sleep(0.05)
        raise AssertionError(status)

    def shell(self, script: str, **resources: float) -> tuple[RunStatus, str]:
        """Run a shell script to its end: how it ended, and what it said."""
        key = self.key()
        self.runner.start(key, self.spec(script, **resources))
        status = self.until_ended(key)
        return status, self.whole_log(key).decode()

    def whole_log(self, key: str, cursor: str = "") -> bytes:
        """The log to its end."""
        pieces = []
        while (chunk := self.runner.logs(key, cursor)).data:
            pieces.append(chunk.data)
            cursor = chunk.cursor
        return b"".join(pieces)


def put_image(registry: Registry, settings: ImageSettings, platform: Platform | None = None) -> ImageReference:
    """An image of busybox with these settings."""
    layer = registry.put_blob("tests/busybox", [busybox_layer()], LAYER)
    config = registry.put_blob("tests/busybox", [config_bytes(platform or Platform(), settings, [layer.digest], [], 0)], CONFIG)
    return ImageReference("tests/busybox", registry.put_manifest("tests/busybox", manifest_bytes(config, [layer], {}), None))


def busybox_layer() -> bytes:
    """Busybox with its applets, as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "etc", "proc", "tmp"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        program = tarfile.TarInfo("bin/busybox")
        content = Path("/bin/busybox").read_bytes()
        program.size, program.mode = len(content), 0o755
        tar.addfile(program, io.BytesIO(content))
        for name in APPLETS.split():
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()
