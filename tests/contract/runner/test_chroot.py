"""The last resort: a changed root isolates nothing, says so, and still keeps time, disk and user."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.runs import WORKDIR, Rig, put_image
from tagstone.adapters.chroot_runs import ChrootRuns
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import Isolation, Outcome, OutputRules

pytestmark = pytest.mark.engines


@pytest.fixture
def rig(storage: FolderStorage, registry: OciLayout, tmp_path: Path) -> Iterator[Rig]:
    image = put_image(registry, ImageSettings(env=(("PATH", "/bin"),), workdir=WORKDIR, command=("sh",)))
    rig = Rig(lambda: ChrootRuns(tmp_path / "runs", registry, storage, SystemClock(), log_limit=2**20), storage, image)
    yield rig
    for key in rig.keys:
        rig.runner.remove(key)


def test_a_run_says_that_nothing_kept_it_apart(rig: Rig) -> None:
    status, said = rig.shell('echo "$GREETING from $(id -u) in $PWD, $HOME"; cat code.txt')
    assert (status.outcome, status.isolation) == (Outcome.SUCCEEDED, Isolation.NONE)
    assert "not isolated" in status.detail
    assert said.replace("\r", "").splitlines() == [f"hello from 65532 in {WORKDIR}, {WORKDIR}/.home", "code"]
    assert status.granted is not None
    assert status.granted.memory_limit is None


def test_outputs_are_collected_and_exit_codes_kept(rig: Rig) -> None:
    key = rig.key()
    rig.runner.start(key, rig.spec("mkdir results; echo 1 > results/a.csv; exit 3"))
    status = rig.until_ended(key)
    assert (status.outcome, status.exit_code) == (Outcome.FAILED, 3)
    assert [file.path for file in rig.runner.collect(key, OutputRules(("results/*",)))] == ["results/a.csv"]


def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(rig: Rig) -> None:
    status, _ = rig.shell("trap '' TERM; (while :; do sleep 1; done) & while :; do sleep 1; done", time=1)
    assert status.outcome is Outcome.TIME_LIMIT


def test_a_run_that_fills_the_disk_is_ended(rig: Rig) -> None:
    script = "for n in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=f$n bs=65536 count=20 2>/dev/null; done; sleep 60"
    status, _ = rig.shell(script, disk=4 * 2**20)
    assert status.outcome is Outcome.DISK_LIMIT


def test_a_second_start_adopts_and_a_stopped_run_stays_stopped(rig: Rig) -> None:
    key = rig.key()
    spec = rig.spec("echo once >> seen; sleep 60")
    rig.runner.start(key, spec)
    rig.make().start(key, spec)
    rig.runner.stop(key)
    assert rig.until_ended(key).outcome is Outcome.STOPPED


def test_an_image_that_is_not_there_is_the_images_fault(rig: Rig) -> None:
    key = rig.key()
    spec = rig.spec("true")
    missing = type(spec.image)("tests/busybox", "sha256:" + "0" * 64)
    rig.runner.start(key, type(spec)(**{**spec.__dict__, "image": missing}))
    assert rig.until_ended(key).outcome is Outcome.IMAGE
