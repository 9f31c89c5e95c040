"""Engines for hostile runs and builds, each of our own, with limits so tight that nothing can take the machine."""

import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.runs import WORKDIR, Rig, put_image
from servers.dockerd import running_dockerd
from servers.podman import running_podman
from tagstone.adapters.chroot_runs import ChrootRuns
from tagstone.adapters.engine_client import Engine, connect
from tagstone.adapters.engine_runs import EngineRuns
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.images.oci import ImageReference, ImageSettings
from tagstone.ports import Runner

PIDS, LOG_BYTES = 64, 4 * 2**20
_WATCHDOG = 90.0  # seconds; whatever runs longer is removed


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> OciLayout:
    """An OCI layout to pull from."""
    return OciLayout(tmp_path_factory.mktemp("layout"), 30.0)


@pytest.fixture(scope="session")
def image(registry: OciLayout) -> ImageReference:
    """Busybox and nothing else."""
    return put_image(registry, ImageSettings(env=(("PATH", "/bin"),), workdir=WORKDIR, command=("sh",), user="0"))


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    """Storage with a code archive of one file."""
    kept = FolderStorage(tmp_path / "storage")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("code.txt"), io.BytesIO())
    kept.write("code.tar", [out.getvalue()])
    return kept


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Podman's service of our own."""
    with running_podman(tmp_path_factory.mktemp("podman")) as engine:
        yield engine


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Docker Engine of our own."""
    with running_dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        engine = connect(tmp_path_factory.mktemp("unused"), socket=address, flavour="docker")
        yield engine
        engine.close()


@pytest.fixture(scope="session", params=["podman", "docker", "chroot"])
def engine(request: pytest.FixtureRequest) -> Engine | None:
    """Every engine, one after the other; None is a changed root, which needs none."""
    if request.param == "chroot":
        return None
    found: Engine = request.getfixturevalue("podman" if request.param == "podman" else "docker_engine")
    return found


@pytest.fixture
def rig(
    engine: Engine | None, registry: OciLayout, image: ImageReference, storage: FolderStorage, tmp_path: Path
) -> Iterator[Rig]:
    """A runner with tight limits; what its test started is removed, at the latest by a watchdog."""

    def make() -> Runner:
        folder, clock = tmp_path / "runs", SystemClock()
        if engine is None:
            return ChrootRuns(folder, registry, storage, clock, log_limit=LOG_BYTES)
        return EngineRuns(engine, registry, storage, folder, clock, pids_limit=PIDS, log_limit=LOG_BYTES, grace=1)

    rig = Rig(make, storage, image)

    def remove() -> None:
        for key in rig.keys:
            make().remove(key)

    watchdog = threading.Timer(_WATCHDOG, remove)
    watchdog.start()
    try:
        yield rig
    finally:
        watchdog.cancel()
        remove()
