"""Files that a run makes have the same modes everywhere, whatever the umask of the worker."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.runs import WORKDIR, Rig, put_image
from tagstone.adapters.chroot_runs import ChrootRuns
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.images.oci import ImageSettings

SCRIPT = "umask; : > file; mkdir folder; ls -ld file folder"


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    """A worker that keeps its own files to itself."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def chroot(storage: FolderStorage, registry: OciLayout, tmp_path: Path) -> Iterator[Rig]:
    image = put_image(registry, ImageSettings(env=(("PATH", "/bin"),), workdir=WORKDIR, command=("sh",)))
    rig = Rig(lambda: ChrootRuns(tmp_path / "runs", registry, storage, SystemClock(), log_limit=2**20), storage, image)
    yield rig
    for key in rig.keys:
        rig.runner.remove(key)


def _has_the_recorded_umask(rig: Rig) -> None:
    status, said = rig.shell(SCRIPT)
    assert status.exit_code == 0, said
    umask, file, folder = said.replace("\r", "").splitlines()
    assert (umask, file[:10], folder[:10]) == (rig.spec().umask, "-rw-r--r--", "drwxr-xr-x")


def test_an_engine_s_run_has_the_recorded_umask(real: Rig) -> None:
    _has_the_recorded_umask(real)


@pytest.mark.engines
def test_a_changed_root_s_run_has_the_recorded_umask(chroot: Rig) -> None:
    _has_the_recorded_umask(chroot)
