"""What runners are tried on: the fake, Podman's service of our own, a Docker Engine of our own; and an image of busybox."""

import io
import secrets
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from cluster.rig import Bench
from fakes.runner import FakeRunner
from rigs.clusters import fake_cluster
from rigs.runs import WORKDIR, Rig, put_image
from servers.dockerd import running_dockerd
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_helper
from servers.podman import running_podman
from tagstone.adapters.engine_client import Engine, connect
from tagstone.adapters.engine_runs import EngineRuns
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.adapters.system_clock import SystemClock
from tagstone.domain.images.oci import ImageReference, ImageSettings


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> OciLayout:
    """An OCI layout to pull from."""
    return OciLayout(tmp_path_factory.mktemp("layout"), 5.0)


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
        info = tarfile.TarInfo("code.txt")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"code\n"))
    kept.write("code.tar", [out.getvalue()])
    return kept


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Podman's service of our own."""
    with running_podman(tmp_path_factory.mktemp("podman")) as engine:
        yield engine


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Docker Engine of our own."""
    with running_dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        yield address


@pytest.fixture(scope="session")
def docker_engine(dockerd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Docker Engine of our own."""
    engine = connect(tmp_path_factory.mktemp("unused"), socket=dockerd, flavour="docker")
    yield engine
    engine.close()


@pytest.fixture
def engine_runs(storage: FolderStorage, registry: OciLayout, tmp_path: Path) -> Callable[[Engine], EngineRuns]:
    """Makes a runner on an engine; each one made stands on the same folder."""
    return lambda engine: EngineRuns(
        engine, registry, storage, tmp_path / "runs", SystemClock(), pids_limit=64, log_limit=80 * 2**20, grace=1
    )


@pytest.fixture(scope="session")
def helper(cluster: Cluster) -> str:
    """The image of the containers beside a run, in the cluster's registry."""
    return push_helper(cluster)


@pytest.fixture(scope="session")
def contract_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the cluster for these tests."""
    name = f"contract-{secrets.token_hex(4)}"
    cluster.new_namespace(name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def _on_a_cluster(request: pytest.FixtureRequest, folder: Path) -> Iterator[Rig]:
    """A rig on a real cluster, as an installation of its own."""
    cluster: Cluster = request.getfixturevalue("cluster")
    namespace, helper = request.getfixturevalue("contract_namespace"), request.getfixturevalue("helper")
    with requests.Session() as session:
        registry = OciRegistry(session, cluster.registry, insecure=True)
        with Bench(cluster, namespace, registry, helper, folder).rig() as rig:
            yield rig


@contextmanager
def rig_on(name: str, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A rig on the fake, Podman, Docker, a fake Kubernetes or a real one; what its test started is removed."""
    storage: FolderStorage = request.getfixturevalue("storage")
    folder: Path = request.getfixturevalue("tmp_path")
    if name == "fake":
        yield Rig(lambda: FakeRunner(folder / "runs", storage), storage, ImageReference("none", f"sha256:{'0' * 64}"))
        return
    if name == "kubernetes":
        with fake_cluster(folder, request.getfixturevalue("registry"), storage, request.getfixturevalue("image")) as faked:
            yield faked.rig
        return
    if name == "cluster":
        with _on_a_cluster(request, folder) as real:
            yield real
        return
    engine: Engine = request.getfixturevalue("podman" if name == "podman" else "docker_engine")
    made: Callable[[Engine], EngineRuns] = request.getfixturevalue("engine_runs")
    rig = Rig(lambda: made(engine), storage, request.getfixturevalue("image"))
    try:
        yield rig
    finally:
        for key in rig.keys:
            rig.runner.remove(key)


@pytest.fixture(
    params=[
        "fake",
        "podman",
        pytest.param("docker", marks=pytest.mark.docker),
        "kubernetes",
        pytest.param("cluster", marks=pytest.mark.kubernetes),
    ]
)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Every runner."""
    with rig_on(request.param, request) as made:
        yield made


@pytest.fixture(params=[pytest.param("podman", marks=pytest.mark.engines), pytest.param("docker", marks=pytest.mark.docker)])
def real(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Every runner that runs something."""
    with rig_on(request.param, request) as made:
        yield made


@pytest.fixture
def podman_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Podman only: the tests' Docker Engine has no bridge, which would change this machine's firewall."""
    with rig_on("podman", request) as made:
        yield made


@pytest.fixture
def docker_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Docker Engine only."""
    with rig_on("docker", request) as made:
        yield made
