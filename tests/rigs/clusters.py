"""Runners on clusters: the fake one, whose pods are really run, with a desk that they really speak to."""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from fakes.kubernetes.containers import Image, Mount
from fakes.kubernetes.server import FakeKubernetes, running_kubernetes
from rigs.pods import free_port
from rigs.runs import Rig, busybox_layer
from tagstone.adapters.desk import Desk
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.manifests import Site
from tagstone.adapters.kubernetes.policies import desk_network, network_policies
from tagstone.adapters.kubernetes.runs import KubernetesRuns
from tagstone.adapters.kubernetes.views import Place
from tagstone.adapters.system_clock import SystemClock
from tagstone.desk.serving import serving
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.placement import Profile
from tagstone.ports import Registry, Storage

REGISTRY = "registry.example.org"
HELPER = f"{REGISTRY}/tagstone/pod@sha256:{'b0' * 32}"
NAMESPACE = "runs"
SERVICE = Path(__file__).parents[2] / "service"
GRACE = 1
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass
class Stand:
    """What runners on a cluster stand on: `make` gives one more, as another process would have it."""

    folder: Path
    registry: Registry
    storage: Storage
    place: Place
    made: list[KubernetesRuns] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        """The desk's state, which rests in files."""
        return Desk(self.folder / "desk", self.storage, SystemClock(), log_limit=80 * 2**20)

    def make(self) -> KubernetesRuns:
        """A runner."""
        made = KubernetesRuns(
            [self.place],
            self.registry,
            self.desk,
            self.folder / "runs",
            SystemClock(),
            installation="0123456789abcdef",
            address="https://tagstone.example.org",
        )
        self.made.append(made)
        return made

    def close(self) -> None:
        """End all runners that were made."""
        while self.made:
            self.made.pop().close()


@dataclass
class FakeCluster:
    """The fake with a rig on it."""

    api: FakeKubernetes
    stand: Stand
    rig: Rig
    port: int
    open: ExitStack

    def restart(self) -> None:
        """Another process takes the place of the runner, whose watches end with it."""
        self.stand.close()
        self.api.watches.cut()
        self.rig.runner = self.rig.make()

    def open_desk(self) -> None:
        """The desk answers."""
        self.open.enter_context(serving(self.stand.desk, "127.0.0.1", self.port))

    @contextmanager
    def desk_away(self) -> Iterator[None]:
        """Nobody answers at the desk while the context is open."""
        self.open.close()
        try:
            yield
        finally:
            self.open_desk()


@contextmanager
def fake_cluster(
    folder: Path,
    registry: Registry,
    storage: Storage,
    image: ImageReference,
    *,
    release: tuple[int, int] = (1, 31),
    profiles: Mapping[str, Profile] | None = None,
    claim: str | None = None,
    patience: float = 3600.0,
    grows: bool = False,
) -> Iterator[FakeCluster]:
    """A cluster of one node whose namespace enforces the restricted standard, and which has our image and the run's."""
    port = free_port()
    desk = f"http://127.0.0.1:{port}/desk"
    with running_kubernetes(folder / "cluster", release) as api:
        api.namespace(NAMESPACE, **_RESTRICTED)
        api.node("node")
        api.images[HELPER] = _helper(folder / "images" / "helper")
        api.images[f"{REGISTRY}/{image}"] = _busybox(folder / "images" / "busybox")
        site = Site(NAMESPACE, desk, HELPER, REGISTRY, grace=GRACE, claim=claim)
        place = Place(
            connect("fake", NAMESPACE, api.kubeconfig, None),
            site,
            profiles=profiles or {},
            policies=network_policies(NAMESPACE, desk, desk_network(desk, None)),
            patience=patience,
            grows=grows,
        )
        stand = Stand(folder, registry, storage, place)
        with ExitStack() as opened:
            faked = FakeCluster(api, stand, Rig(stand.make, storage, image), port, opened)
            faked.open_desk()
            try:
                yield faked
            finally:
                stand.close()


def _helper(root: Path) -> Image:
    """What deploy/pod/Containerfile makes, out of this machine's own Python and the source as it is."""
    root.mkdir(parents=True)
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/opt/service"}
    return Image(root, env, user="65532", host=True, mounts=(Mount(SERVICE, "/opt/service", read_only=True),))


def _busybox(root: Path) -> Image:
    with tarfile.open(fileobj=BytesIO(busybox_layer())) as tar:
        tar.extractall(root)
    return Image(root, {"PATH": "/bin"}, user="0")
