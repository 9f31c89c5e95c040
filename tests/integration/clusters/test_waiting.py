"""What a run on a cluster waits for, or what is done for it meanwhile, and what would have helped where it waited in vain."""

import threading
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

from integration.clusters.conftest import Make
from rigs.clusters import FakeCluster
from rigs.pods import until
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.domain.runs.run import Outcome
from tagstone.domain.runs.told import Keeping, Phase, Staging

_MIB = 2**20


class _Trickling(FileIO):
    """A file whose first half comes at once, and the other in drops, until it `may` come at once too."""

    def __init__(self, path: Path, may: threading.Event) -> None:
        super().__init__(path)
        self._half = path.stat().st_size // 2
        self._may = may

    def read(self, size: int | None = -1, /) -> bytes:
        ahead = self._half - self.tell()
        if ahead > 0:
            return super().read(ahead) or b""
        return super().read(size if self._may.wait(0.05) else 2**13) or b""


class _Slow(FolderStorage):
    """Storage that is slow with one of its files until it `may` be quick."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folder = root
        self.may = threading.Event()

    def open(self, key: str) -> BinaryIO:
        return cast("BinaryIO", _Trickling(self._folder / key, self.may)) if key == "large" else super().open(key)


def test_while_inputs_are_laid_out_it_says_how_far_that_is(faked: FakeCluster) -> None:
    rig, slow = faked.rig, _Slow(faked.stand.folder.parent / "storage")
    slow.write("large", [bytes(20 * _MIB)])
    with faked.desk_away():
        faked.stand.storage = slow
    key = rig.key()
    rig.runner.start(key, replace(rig.spec("true"), files=(("large", "large"),)))
    try:
        until(lambda: rig.runner.observe(key).detail == "Code and inputs are laid out: 50 % of 20.0 MiB.")
        # It is looked at as often as before: nobody has to hear of it.
        assert not rig.runner.observe(key).waits
    finally:
        slow.may.set()
    status = rig.until_ended(key)
    assert (status.outcome, status.detail, status.at_work) == (Outcome.SUCCEEDED, "", False)


def test_while_its_outputs_are_brought_it_says_how_much_is_here(faked: FakeCluster) -> None:
    faked.api.idle = True
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("true"))

    def said(size: int) -> str:
        keeping = Keeping(Phase.COLLECTING, started_at=1.0, ended_at=2.0, exit_code=0, files=3, bytes=size)
        faked.stand.desk.hear_keeping(key, keeping)
        return faked.rig.runner.observe(key).detail

    faked.stand.desk.hear_staging(key, Staging(done=True, bytes=5, bytes_total=5))
    assert said(0) == "Its outputs are brought."
    assert said(345 * _MIB) == said(399 * _MIB) == "Its outputs are brought: 300 MiB so far."
    assert said(3_900_000_000) == "Its outputs are brought: 3 GiB so far."


def test_of_what_no_node_took_in_time_is_said_what_would_have_fitted(make: Make) -> None:
    faked = make(patience=1.0, grows=True)
    key = faked.rig.key()
    faked.rig.runner.start(key, faked.rig.spec("true", gpu=1))
    status = faked.rig.until_ended(key)
    assert status.outcome is Outcome.UNSCHEDULABLE
    assert "The nearest is node: 1 nvidia.com/gpu asked for, it has 0 nvidia.com/gpu." in status.detail
    assert status.remedy == "Ask for at most gpu: 0 (run: resources)."
