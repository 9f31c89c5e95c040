"""Before the run: the workspace is filled with code and inputs, each checked, and the tools are laid out."""

import json
import os
import shutil
import time
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, cast

from tagstone.adapters.workspace import discard, fill
from tagstone.domain.runs.plan import Plan, plan_from
from tagstone.domain.runs.told import Staging
from tagstone.errors import TagstoneError
from tagstone.pod.desk_client import Desk, Stream
from tagstone.pod.place import Place
from tagstone.pod.telling import insist, problem_of, tell

_OFTEN = 1.0  # seconds between two words about the progress


def stage(place: Place) -> int:
    """Stage what the desk gives; what cannot be staged is told there. The exit code says whether all is in its place."""
    desk = Desk(place)
    plan = plan_from(desk.ask("POST", "begin", None))
    desk.patience = plan.patience
    progress = Staging(files_total=len(plan.given), bytes_total=sum(given.size for given in plan.given))
    given = _Storage(place, desk, plan, progress)
    try:
        place.plan.write_text(json.dumps(asdict(plan)))
        _lay_tools(place, plan)
        place.workspace.mkdir(exist_ok=True)
        for left in place.workspace.iterdir():
            discard(left)
        fill(place.workspace, "0", [(path, str(number)) for number, path in enumerate(plan.files, start=1)], given)
        given.finish()
    except (TagstoneError, OSError) as error:
        insist(desk, replace(given.progress(), problem=problem_of(error)))
        return 1
    insist(desk, replace(given.progress(), done=True))
    return 0


class _Storage:
    """What is given to the run, as the storage that workspaces are filled from: its keys are numbers."""

    def __init__(self, place: Place, desk: Desk, plan: Plan, progress: Staging) -> None:
        # A connection of its own: while a file comes over one, the progress is told over the other.
        self._reader = Desk(place, patience=plan.patience)
        self._desk = desk
        self._plan = plan
        self._progress = progress
        self._streams: list[Stream] = []
        self._told = time.monotonic()

    def open(self, key: str) -> BinaryIO:
        """The stream of what has this number."""
        self.finish()
        stream = Stream(self._reader, f"given/{key}", self._plan.given[int(key)], self._tell)
        self._streams.append(stream)
        return cast("BinaryIO", stream)

    def finish(self) -> None:
        """Read to its end what was read last: an archive ends before its file does. Raises: Permanent where it is damaged."""
        if self._streams:
            self._streams[-1].finish()

    def progress(self) -> Staging:
        """How far it is."""
        return replace(self._progress, files=len(self._streams), bytes=sum(stream.taken for stream in self._streams))

    def _tell(self) -> None:
        if time.monotonic() - self._told > _OFTEN:
            tell(self._desk, self.progress())
            self._told = time.monotonic()


def _lay_tools(place: Place, plan: Plan) -> None:
    for name in ("end", "ready"):
        (place.tools / name).unlink(missing_ok=True)
    shutil.copyfile(place.busybox, place.tools / "busybox")
    (place.tools / "busybox").chmod(0o755)
    (place.tools / "hold.sh").write_bytes((files("tagstone.pod") / "hold.sh").read_bytes())
    # In blocks of 512 bytes, as POSIX has it for `ulimit -f`.
    settings = {"grace": plan.grace, "blocks": -(-plan.disk // 512)}
    (place.tools / "settings").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    for left in place.control.iterdir():
        discard(left)
    _make_fifo(place.control / "log")


def _make_fifo(path: Path) -> None:
    os.mkfifo(path)
    path.chmod(0o666)
