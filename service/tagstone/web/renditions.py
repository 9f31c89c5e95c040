"""Pictures of PDFs and pages of notebooks: made once in a child process with limits, then kept under their file's checksum."""

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from tagstone.errors import Temporary
from tagstone.web.rendition_child import RESULT_BYTES, UNREADABLE

Kind = Literal["pdf", "notebook"]
KINDS: dict[str, Kind] = {".pdf": "pdf", ".ipynb": "notebook"}
_SUFFIX: dict[Kind, str] = {"pdf": ".png", "notebook": ".html"}
_FAILED = ".none"
_UNREADABLE: dict[Kind, str] = {"pdf": "it cannot be read as a PDF", "notebook": "it cannot be read as a notebook"}


@dataclass(frozen=True)
class Limits:
    """What one rendition may take, and what all together may keep: seconds, bytes."""

    seconds: float = 60.0
    patience: float = 30.0
    file_bytes: int = 32 << 20
    kept_bytes: int = 512 << 20
    at_once: int = 2


@dataclass(frozen=True)
class Rendition:
    """A rendition in `file`, or the reason why there is none."""

    kind: Kind
    file: Path | None
    reason: str = ""


def kind_of(path: str) -> Kind | None:
    """What kind of rendition a file of this name has, if any."""
    return KINDS.get(PurePosixPath(path).suffix.lower())


class Renditions:
    """Makes renditions and keeps them in `folder`, named by the sha256 of what they show."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._folder = folder
        self._limits = limits or Limits()
        self._turns = threading.BoundedSemaphore(self._limits.at_once)

    def known(self, kind: Kind, sha256: str) -> Rendition | None:
        """What is kept already; nothing is made."""
        made, failed = self._place(sha256, _SUFFIX[kind]), self._place(sha256, _FAILED)
        if made.is_file():
            return Rendition(kind, made)
        try:
            return Rendition(kind, None, failed.read_text(encoding="utf-8"))
        except OSError:
            return None

    def of(self, kind: Kind, file: Path, sha256: str) -> Rendition:
        """The rendition of `file`, made when it is new. Raises: Temporary when too many are being made."""
        found = self.known(kind, sha256)
        if found:
            return found
        if not self._turns.acquire(timeout=self._limits.patience):
            raise Temporary("Too many previews are being made at this moment.", delay=10.0)
        try:
            return self.known(kind, sha256) or self._make(kind, file, sha256)
        finally:
            self._turns.release()

    def _make(self, kind: Kind, file: Path, sha256: str) -> Rendition:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                reason = self._run(kind, file, stream.fileno())
                if reason:
                    stream.truncate(0)
                    stream.seek(0)
                    stream.write(reason.encode())
            new.replace(self._place(sha256, _FAILED if reason else _SUFFIX[kind]))
        finally:
            new.unlink(missing_ok=True)
        self._forget_oldest()
        return Rendition(kind, None, reason) if reason else Rendition(kind, self._place(sha256, _SUFFIX[kind]))

    def _run(self, kind: Kind, file: Path, result: int) -> str:
        """Render into the open file `result`; the reason when that did not work, else nothing."""
        if file.stat().st_size > self._limits.file_bytes:
            return "it is too large"
        command = [sys.executable, "-I", "-m", "tagstone.web.rendition_child", kind]
        surroundings = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        try:
            with file.open("rb") as source:
                code = subprocess.run(
                    command,
                    stdin=source,
                    stdout=result,
                    stderr=subprocess.DEVNULL,
                    env=surroundings,
                    cwd="/",
                    timeout=self._limits.seconds,
                    check=False,
                ).returncode
        except subprocess.TimeoutExpired:
            return "it took too long"
        if code == UNREADABLE:
            return _UNREADABLE[kind]
        size = os.fstat(result).st_size
        return "" if code == 0 and 0 < size < RESULT_BYTES else "it took more time or memory than a preview may"

    def _place(self, sha256: str, suffix: str) -> Path:
        return self._folder / f"{sha256}{suffix}"

    def _forget_oldest(self) -> None:
        """Remove the oldest renditions until the rest is small enough; they can be made again."""
        kept = []
        for file in self._folder.iterdir():
            with suppress(OSError):
                status = file.stat()
                kept.append((status.st_mtime, status.st_size, file))
        total = sum(size for _, size, _ in kept)
        for _, size, file in sorted(kept):
            if total <= self._limits.kept_bytes:
                return
            file.unlink(missing_ok=True)
            total -= size
