"""A builder that keeps its builds in a folder and makes a small root out of the recipe alone.

It can be told to fail, to lose a build, to take several looks, and to lose a reply. State is on disk, so that another
process that is given the same folder finds the builds of one that was killed.
"""

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagstone.domain.environments.build import BuildState, BuildStatus, ContextFile, Recipe
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import LogChunk
from tagstone.errors import Conflict, NotFound, TagstoneError, Temporary
from tagstone.ports import BuiltRoot

STATUS = "Package: fake\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: all\n"


@dataclass
class FakeBuilder:
    """`looks` is how many times `observe` answers *running*; `writes` are files below /opt that builds leave beside their own;
    `calls` counts what was asked of this object.
    """

    folder: Path
    looks: int = 0
    name: str = "fake"
    writes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._failure: str | None = None
        self._error: TagstoneError | None = None
        self._reply_lost = False
        self._lost = 0

    def fail(self, detail: str) -> None:
        """Builds that are started from now on fail."""
        self._failure = detail

    def refuse(self, error: TagstoneError) -> None:
        """The next start raises `error` and does nothing."""
        self._error = error

    def lose_reply(self) -> None:
        """The next start does its work, but its answer is lost."""
        self._reply_lost = True

    def lose(self, builds: int = 1) -> None:
        """The next builds that are started are lost without an answer."""
        self._lost = builds

    def start(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        self.calls["start"] += 1
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if not self._path(key).exists():
            self._begin(key, recipe, context)
        if self._reply_lost:
            self._reply_lost = False
            raise Temporary("The answer was lost.")

    def observe(self, key: str) -> BuildStatus:
        self.calls["observe"] += 1
        build = self._read(key)
        if build["looks"] > 0:
            self._write(key, build | {"looks": build["looks"] - 1})
            return BuildStatus(BuildState.RUNNING, "STEP 1")
        if build["lost"]:
            return BuildStatus(BuildState.LOST, "STEP 1")
        if build["failure"] is not None:
            return BuildStatus(BuildState.FAILED, build["failure"], 1)
        return BuildStatus(BuildState.SUCCEEDED, "done", 0)

    def logs(self, key: str, cursor: str) -> LogChunk:
        try:
            build = self._read(key)
        except NotFound:
            return LogChunk(b"", cursor or "0")
        data = build["log"].encode()[int(cursor or 0) :]
        return LogChunk(data, str(int(cursor or 0) + len(data)))

    @contextmanager
    def collect(self, key: str) -> Iterator[BuiltRoot]:
        self.calls["collect"] += 1
        build = self._read(key)
        if build["lost"] or build["failure"] is not None or build["looks"] > 0:
            raise Conflict(f"The build {key} has not succeeded.", remedy="Wait until it has.")
        yield BuiltRoot(io.BytesIO(_root(build)), _settings(build["containerfile"]))

    def stop(self, key: str) -> None:
        self.calls["stop"] += 1
        shutil.rmtree(self._path(key).parent, ignore_errors=True)

    def keys(self) -> list[str]:
        """The builds that are there."""
        return sorted(path.parent.name for path in self.folder.glob("*/build.json"))

    def _begin(self, key: str, recipe: Recipe, context: Callable[[], Iterator[tuple[ContextFile, bytes]]]) -> None:
        files = {file.path: hashlib.sha256(content).hexdigest() for file, content in context()}
        build = {
            "containerfile": recipe.containerfile,
            "bases": [base.image.digest for base in recipe.bases],
            "files": files,
            "writes": self.writes,
            "looks": self.looks,
            "lost": self._lost > 0,
            "failure": self._failure,
            "log": "STEP 1\n" + (f"{self._failure}\n" if self._failure else "done\n"),
        }
        self._lost = max(0, self._lost - 1)
        self._write(key, build)

    def _path(self, key: str) -> Path:
        return self.folder / key / "build.json"

    def _read(self, key: str) -> dict[str, Any]:
        try:
            return dict(json.loads(self._path(key).read_text()))
        except FileNotFoundError:
            raise NotFound(f"There is no build {key}.", remedy="Start it first.") from None

    def _write(self, key: str, build: dict[str, Any]) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(build))
        partial.rename(path)


def _root(build: dict[str, Any]) -> bytes:
    facts = {name: build[name] for name in ("containerfile", "bases", "files")}
    contents = {"opt/environment.json": json.dumps(facts, sort_keys=True), "var/lib/dpkg/status": STATUS}
    contents |= {f"opt/{name}": text for name, text in build["writes"].items()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in ("opt", "var", "var/lib", "var/lib/dpkg", "workspace"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for path, text in contents.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def _settings(containerfile: str) -> ImageSettings:
    """The settings as an engine would say them, of the plainest forms."""
    final = containerfile.rpartition("\nFROM ")[2]
    env = dict(re.findall(r"^ENV (\w+)=(\S+)$", final, re.MULTILINE))
    workdirs = re.findall(r"^WORKDIR (\S+)$", final, re.MULTILINE)
    users = re.findall(r"^USER (\S+)$", final, re.MULTILINE)
    return ImageSettings(env=tuple(sorted(env.items())), workdir=(workdirs or [""])[-1], user=(users or [""])[-1])
