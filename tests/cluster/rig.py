"""A runner on a real cluster, with the desk that its pods speak to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rigs import pods
from rigs.pods import archive, free_port
from rigs.runs import Rig, put_image
from servers.kubernetes.cluster import Cluster
from tagstone.adapters.desk import Desk
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.installation import installation
from tagstone.adapters.kubernetes.client import connect
from tagstone.adapters.kubernetes.manifests import OVERHEAD, Site
from tagstone.adapters.kubernetes.policies import network_policies
from tagstone.adapters.kubernetes.runs import KubernetesRuns
from tagstone.adapters.kubernetes.views import Place
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.adapters.system_clock import SystemClock
from tagstone.desk.serving import serving
from tagstone.domain.images.oci import ImageSettings
from tagstone.domain.runs.run import RunSpec, RunStatus

_PATIENCE = 300.0


def until(true: Callable[[], bool], patience: float = pods.PATIENCE) -> None:
    """Wait until something is true; each look asks the cluster, which has the machine's processors too."""
    pods.until(true, patience, pause=0.2)


class ClusterRig(Rig):
    """A rig whose runs ask for little, since several share one node, and may take their time."""

    def spec(self, script: str = "", **resources: float) -> RunSpec:
        return super().spec(script, **{"cpu": 0.2, **resources})

    def until_ended(self, key: str) -> RunStatus:
        until(lambda: not self.runner.observe(key).running, _PATIENCE)
        return self.runner.observe(key)


@dataclass
class Bench:
    """What runs stand on: a cluster, a namespace of it, and this machine's side."""

    cluster: Cluster
    namespace: str
    registry: OciRegistry
    helper: str
    folder: Path
    given: dict[str, Any] = field(default_factory=dict)
    kubeconfig: Path | None = None

    def __post_init__(self) -> None:
        self.storage = FolderStorage(self.folder / "storage")
        self.storage.write("code.tar", [archive({"code.txt": b"code\n"})])
        self.port = free_port()
        self.made: list[KubernetesRuns] = []
        self.image = put_image(self.registry, ImageSettings(env=(("PATH", "/bin"),), workdir="/workspace", command=("sh",)))

    @property
    def place(self) -> Place:
        """The cluster as the settings describe it."""
        desk = f"http://{self.cluster.machine}:{self.port}/desk"
        given = dict(self.given)
        kept = {name: given.pop(name) for name in ("patience", "profiles", "grows") if name in given}
        site = replace(Site(self.namespace, desk, self.helper, self.cluster.registry, grace=1, collection=600.0), **given)
        policies = network_policies(self.namespace, desk, f"{self.cluster.machine}/32")
        connected = connect("test", self.namespace, self.kubeconfig or self.cluster.kubeconfig, None)
        return Place(connected, site, policies=policies, overhead=OVERHEAD, **kept)

    def desk(self) -> Desk:
        """The desk, as any process of this home has it."""
        return Desk(self.folder / "desk", self.storage, SystemClock())

    def runner(self) -> KubernetesRuns:
        """A runner, as any process of this home has it."""
        name = installation(self.folder)
        made = KubernetesRuns(
            [self.place],
            self.registry,
            self.desk(),
            self.folder / "runs",
            SystemClock(),
            installation=name,
            address="http://here",
        )
        self.made.append(made)
        return made

    @contextmanager
    def rig(self) -> Iterator[Rig]:
        """A rig whose runs are removed with the context."""
        with serving(self.desk(), self.cluster.machine, self.port):
            rig = ClusterRig(self.runner, self.storage, self.image)
            try:
                yield rig
            finally:
                for key in rig.keys:
                    rig.runner.remove(key)
                for made in self.made:
                    made.close()

    def jobs(self) -> list[dict[str, Any]]:
        """All Jobs of the namespace."""
        return self.cluster.all("jobs", self.namespace)

    def pods(self) -> list[dict[str, Any]]:
        """All pods of the namespace."""
        return self.cluster.all("pods", self.namespace)


def to_its_end(rig: Rig, spec: RunSpec) -> tuple[str, RunStatus]:
    """Run to the end; the key, and how it ended."""
    key = rig.key()
    rig.runner.start(key, spec)
    return key, rig.until_ended(key)
