"""What a run used is sampled while it is looked at, and a new worker goes on with the samples of the last."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.runs import WORKDIR, Analysis, Rig, put_image
from tagstone.adapters.chroot_runs import ChrootRuns
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import Outcome, RunStatus

BUSY = "n=0; while [ $n -lt 400000 ]; do n=$((n+1)); done"


@pytest.fixture
def chroot(storage: FolderStorage, registry: OciLayout, tmp_path: Path) -> Iterator[Rig]:
    image = put_image(registry, ImageSettings(env=(("PATH", "/bin"),), workdir=WORKDIR, command=("sh",)))
    rig = Rig(lambda: ChrootRuns(tmp_path / "runs", registry, storage, SystemClock(), log_limit=2**20), storage, image)
    yield rig
    for key in rig.keys:
        rig.runner.remove(key)


def _is_plausible(status: RunStatus) -> None:
    assert status.started_at is not None
    assert status.finished_at is not None
    times = [sample.at for sample in status.usage]
    assert times == sorted(times)
    passed = status.finished_at - status.started_at
    assert len(times) <= 200
    assert times or passed < 0.5  # what is over so soon is never seen
    assert all(0 < at <= passed + 0.5 for at in times)
    assert all(sample.cpu >= 0 and sample.memory > 0 for sample in status.usage)
    assert status.cpu_seconds is not None
    assert status.cpu_seconds > 0


def test_every_runner_says_what_a_run_used(rig: Rig) -> None:
    status = rig.until_ended(rig.start(Analysis(says="done")))
    _is_plausible(status)


def test_a_busy_run_is_seen_to_be_busy(real: Rig) -> None:
    status, _ = real.shell(BUSY)
    _is_plausible(status)
    assert max(sample.cpu for sample in status.usage) > 0.2
    assert status.peak_memory is not None


def test_samples_outlive_the_worker_that_took_them(real: Rig) -> None:
    key = real.start(Analysis(endless=True))
    while len(before := real.runner.observe(key).usage) < 2:
        pass
    real.runner = real.make()
    assert real.runner.observe(key).usage[:1] == before[:1]
    real.runner.stop(key)
    assert real.until_ended(key).usage[:1] == before[:1]


@pytest.mark.engines
def test_a_changed_root_is_sampled_too(chroot: Rig) -> None:
    status, _ = chroot.shell(f"{BUSY}; {BUSY}")
    assert status.outcome is Outcome.SUCCEEDED
    _is_plausible(status)
    assert max(sample.cpu for sample in status.usage) > 0.2
