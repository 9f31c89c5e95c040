"""What builders share: one folder per build with a detached child, the files of its context, and its answer."""

import io
import os
import re
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tagstone.adapters import detached
from tagstone.adapters.child_limits import PROCESSES
from tagstone.domain.environments.build import BuildState, BuildStatus, ContextFile
from tagstone.domain.environments.containerfile import EPOCH
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import LogChunk
from tagstone.errors import Conflict, Invalid, NotFound, Temporary

SITE_CA = "/.tagstone/ca.pem"
"""Where a site's CA bundle is during a build: a place that our image writer leaves out."""

CA_LINES = tuple(
    f"ARG {name}={SITE_CA}" for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
)
"""Arguments, not variables: they are there during the build and in no image."""

BUILD_LABEL = "org.tagstone.build"
"""Marks what a build leaves in an engine, so that it is found and removed; never in an image of ours."""

_ENGINE_LABELS = (BUILD_LABEL, "io.buildah.version")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REMOVALS, _BETWEEN_REMOVALS = 40, 0.25  # tries, seconds
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOOPBACK = re.compile(r"(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?/.*")


@dataclass(frozen=True)
class Command:
    """A program and its whole environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


class BuildJobs:
    """The builds of one builder, each a folder below `folder`; a build has `seconds` to end."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder.absolute()
        self._seconds = seconds
        self._processes = PROCESSES

    def folder(self, key: str) -> Path:
        """Where a build's files are. Raises: Invalid for a key that is no plain name."""
        if not _KEY.fullmatch(key):
            raise Invalid(f"{key[:100]!r} cannot name a build.", remedy="Use letters, digits and ._- only.")
        return self._folder / key

    def start(self, key: str, prepare: Callable[[Path], Command]) -> None:
        """Begin: `prepare` fills the folder and says what to run. A build that is there is adopted."""
        folder = self.folder(key)
        with detached.claim(folder) as claim:
            if claim is not None:
                command = prepare(folder)
                claim.spawn(command.argv, command.env, self._seconds, self._processes)

    def observe(self, key: str) -> BuildStatus:
        """How a build stands. Raises: NotFound when it was never started."""
        folder = self.folder(key)
        found = detached.observe(folder)
        if found is None:
            raise NotFound(f"There is no build {key}.", remedy="Start it first.")
        if found.running:
            return BuildStatus(BuildState.RUNNING, detached.last_line(folder))
        if found.exit_code is None:
            return BuildStatus(BuildState.LOST, detached.last_line(folder))
        state = BuildState.FAILED if found.exit_code else BuildState.SUCCEEDED
        return BuildStatus(state, detached.last_line(folder), found.exit_code)

    def logs(self, key: str, cursor: str) -> LogChunk:
        """Log bytes since `cursor` (empty: from the start)."""
        return detached.read_log(self.folder(key), cursor)

    def finished(self, key: str) -> Path:
        """The folder of a build that succeeded. Raises: Conflict when it has not."""
        status = self.observe(key)
        if status.state is not BuildState.SUCCEEDED:
            raise Conflict(
                f"The build {key} has not succeeded: it is {status.state}.", remedy="Start it, and wait until it has."
            )
        return self.folder(key)

    def stop(self, key: str, clean_up: Callable[[Path], None]) -> None:
        """End a build; `clean_up` removes what it left elsewhere, then the folder goes."""
        folder = self.folder(key)
        if not folder.exists():
            return
        detached.stop(folder)
        # Without its answer the folder is a build that was lost: whatever happens from here on, nobody takes it for whole.
        (folder / "exit").unlink(missing_ok=True)
        if not _removed(folder, clean_up):
            raise Temporary(f"The files of the build {key} could not be removed.")


def _removed(folder: Path, clean_up: Callable[[Path], None]) -> bool:
    """Remove a build's files; what its killed processes had mounted goes only when the kernel has let go of them."""
    for _ in range(_REMOVALS):
        clean_up(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
        threading.Event().wait(_BETWEEN_REMOVALS)
    return False


def write_context(folder: Path, files: Iterable[tuple[ContextFile, bytes]]) -> None:
    """Lay the files of a context into an empty folder; links come last, so that nothing is written through one.

    Raises:
        Invalid: a path leaves the folder, or two paths cannot both be there.
    """
    folder.mkdir()
    links = []
    try:
        for file, content in files:
            place = folder / _inside(file.path)
            if file.symlink:
                links.append((place, content))
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            place.chmod(0o755 if file.executable else 0o644)
            os.utime(place, (EPOCH, EPOCH))
        for place, target in links:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.fsdecode(target))
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise _impossible(Path(str(error.filename)).name) from None


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise _impossible(path)
    return path


def _impossible(path: str) -> Invalid:
    return Invalid(f"{path[:200]!r} cannot be laid out for a build.", remedy="Rename or remove it in the repository.")


def write_context_tar(out: BinaryIO, files: Iterable[tuple[ContextFile, bytes]], containerfile: tuple[str, str]) -> None:
    """Write a context as the tar that build APIs take; `containerfile` is its name in there and its text.

    An ignore file keeps both out of what `COPY . …` takes; a recipe's own context never has one.
    """
    name, text = containerfile
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add_all(tar, files)
        _add(tar, ContextFile(name, ""), text.encode())
        _add(tar, ContextFile(".dockerignore", ""), f".dockerignore\n{name}\n".encode())


def write_files_tar(out: BinaryIO, files: Iterable[tuple[ContextFile, bytes]]) -> None:
    """Write the files of a context as a tar, and nothing else. Raises: Invalid where a path leaves it."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add_all(tar, files)


def settings_of(config: Mapping[str, Any]) -> ImageSettings:
    """An image's settings as any engine says them, without the engines' own marks, and in one order."""
    env = dict(str(line).partition("=")[::2] for line in config.get("Env") or ())
    # buildah writes the default search path into images that name none, Docker does not.
    env.setdefault("PATH", SEARCH_PATH)
    labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items() if key not in _ENGINE_LABELS}
    return ImageSettings(
        env=tuple(sorted(env.items())),
        workdir=str(config.get("WorkingDir") or ""),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        user=str(config.get("User") or ""),
        labels=tuple(sorted(labels.items())),
        exposed_ports=tuple(sorted(config.get("ExposedPorts") or {})),
        stop_signal=str(config.get("StopSignal") or ""),
    )


def both_cases(proxies: Mapping[str, str]) -> dict[str, str]:
    """Proxy settings under the upper- and lower-case names; programs know the one or the other."""
    named = {name.upper(): value for name, value in proxies.items()}
    return named | {name.lower(): value for name, value in named.items()}


def is_loopback(reference: str) -> bool:
    """Say whether a reference is on this machine, where registries speak plain HTTP."""
    return _LOOPBACK.fullmatch(reference) is not None


def stream_of(pieces: Iterator[bytes], check: Callable[[], None] = lambda: None) -> BinaryIO:
    """Pieces of bytes as a stream to read from, whose end is believed only after `check` has raised nothing."""
    return io.BufferedReader(_Pieces(pieces, check), 2**20)


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes], check: Callable[[], None]) -> None:
        self._pieces = pieces
        self._check = check
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                self._check()
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _add_all(tar: tarfile.TarFile, files: Iterable[tuple[ContextFile, bytes]]) -> None:
    for file, content in files:
        _add(tar, file, content)


def _add(tar: tarfile.TarFile, file: ContextFile, content: bytes) -> None:
    info = tarfile.TarInfo(_inside(file.path))
    info.mtime = EPOCH
    if file.symlink:
        info.type, info.linkname = tarfile.SYMTYPE, os.fsdecode(content)
        tar.addfile(info)
        return
    info.mode, info.size = 0o755 if file.executable else 0o644, len(content)
    tar.addfile(info, io.BytesIO(content))
