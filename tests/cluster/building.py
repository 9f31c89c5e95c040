"""A builder on a real cluster, with the desk that its pods speak to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigs.pods import free_port
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.desk import Desk
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.installation import installation
from tagstone.adapters.kubernetes.builds import KubernetesBuilds
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.manifests import OVERHEAD, Site
from tagstone.adapters.kubernetes.policies import network_policies
from tagstone.adapters.kubernetes.runs import KubernetesRuns
from tagstone.adapters.kubernetes.views import Place
from tagstone.adapters.system_clock import SystemClock
from tagstone.desk.serving import serving
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.hardware import Resources
from tagstone.ports import Registry

_RESOURCES = Resources(cpu=0.5, memory=2**30, disk=4 * 2**30, time=600)


@dataclass
class BuildBench:
    """What builds stand on: a cluster, a namespace of it, the images of deploy/, and this machine's side."""

    cluster: Cluster
    namespace: str
    helper: str
    image: str
    folder: Path
    registry: Registry
    resources: Resources = _RESOURCES
    kubeconfig: Path | None = None
    made: list[KubernetesRuns] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storage = FolderStorage(self.folder / "storage")
        self.port = free_port()

    @property
    def desk(self) -> Desk:
        """The desk, as any process of this home has it."""
        return Desk(self.folder / "desk", self.storage, SystemClock())

    @property
    def place(self) -> Place:
        """The cluster as the settings describe it."""
        desk = f"http://{self.cluster.machine}:{self.port}/desk"
        site = Site(self.namespace, desk, self.helper, "", grace=1, collection=600.0, building=True)
        policies = network_policies(self.namespace, desk, f"{self.cluster.machine}/32")
        connected = connect("test", self.namespace, self.kubeconfig or self.cluster.kubeconfig, None)
        return Place(connected, site, policies=policies, overhead=OVERHEAD)

    def builder(self, folder: str = "builds", **options: Any) -> KubernetesBuilds:
        """A builder, as any process of this home has it."""
        below = self.folder / folder
        runs = KubernetesRuns(
            [self.place],
            None,
            self.desk,
            below,
            SystemClock(),
            installation=installation(self.folder),
            address="http://here",
        )
        self.made.append(runs)
        name, _, digest = self.image.partition("@")
        image = ImageReference(name, digest)
        return KubernetesBuilds(runs, below, self.desk, self.storage, self.registry, image, resources=self.resources, **options)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let pods in while the context is open."""
        with serving(self.desk, self.cluster.machine, self.port):
            try:
                yield
            finally:
                for made in self.made:
                    made.close()

    def pods(self) -> list[dict[str, Any]]:
        """All pods of the namespace."""
        return self.cluster.all("pods", self.namespace)
