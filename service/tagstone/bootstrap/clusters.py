"""Builds what runs on clusters, and the desk where their pods fetch and bring."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tagstone.errors import Conflict, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tagstone.actions.check_cluster import ClusterView
    from tagstone.adapters.desk import Desk
    from tagstone.adapters.kubernetes.builds import KubernetesBuilds
    from tagstone.adapters.kubernetes.client import Cluster
    from tagstone.adapters.kubernetes.runs import KubernetesRuns
    from tagstone.adapters.kubernetes.views import Place
    from tagstone.bootstrap.application import Application
    from tagstone.domain.runs.hardware import Resources
    from tagstone.domain.runs.placement import Profile
    from tagstone.ports import Registry
    from tagstone.settings import ClusterBuildSettings, ProfileSettings


class Clusters:
    """The clusters of one process, each part built when it is first asked for."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._settings = application.settings
        self._building: list[KubernetesRuns] = []

    @cached_property
    def connections(self) -> Mapping[str, Cluster]:
        """Every cluster by its name. Asks none of them anything. Raises: Invalid where the settings do not say how."""
        from tagstone.adapters.kubernetes.client import connect

        return {
            name: connect(name, one.namespace, one.kubeconfig, one.context) for name, one in self._settings.clusters.items()
        }

    @cached_property
    def build_connections(self) -> Mapping[str, Cluster]:
        """Every cluster that builds by its name, with the namespace of builds. Asks none of them anything. Raises: Invalid."""
        from tagstone.adapters.kubernetes.client import connect

        return {
            name: connect(name, one.builds.namespace, one.kubeconfig, one.context)
            for name, one in self._settings.clusters.items()
            if one.builds is not None
        }

    @cached_property
    def profiles(self) -> Mapping[str, Mapping[str, Profile]]:
        """The kinds of machines of every cluster, by their names."""
        return {
            name: {profile: _profile(said) for profile, said in one.profiles.items()}
            for name, one in self._settings.clusters.items()
        }

    @cached_property
    def desk(self) -> Desk:
        """Where pods fetch code and inputs, and bring outputs."""
        from tagstone.adapters.desk import Desk

        runs, application = self._settings.runs, self._application
        return Desk(
            application.home / "desk",
            application.storage,
            application.clock,
            log_limit=runs.log_bytes,
            max_files=runs.output_files,
            max_bytes=runs.output_bytes,
            news=application.news,
        )

    @cached_property
    def runner(self) -> KubernetesRuns:
        """What runs on these clusters. Raises: Invalid, Conflict where the settings lack something."""
        from tagstone.adapters.installation import installation
        from tagstone.adapters.kubernetes.runs import KubernetesRuns

        application = self._application
        return KubernetesRuns(
            self._places(),
            application.registry,
            self.desk,
            application.home / "runs",
            application.clock,
            installation=installation(application.home),
            address=application.url,
            news=application.news,
        )

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let pods in while the context is open; nothing where the site has no clusters. Raises: Conflict where nobody can listen."""
        if not self._settings.clusters:
            yield
            return
        from tagstone.desk.serving import serving

        with serving(self.desk, self._settings.desk.host, self._settings.desk.port):
            try:
                yield
            finally:
                self.close()

    def close(self) -> None:
        """End the watches of what was built here."""
        if "runner" in self.__dict__:
            self.runner.close()
        for runs in self._building:
            runs.close()

    @property
    def order(self) -> list[str]:
        """The names of all clusters, first the one that runs go to where nothing else is said. Raises: Invalid where it is none."""
        clusters = self._settings.clusters
        if not clusters:
            return []
        first = (self._settings.runs.cluster or next(iter(clusters))).lower().replace("_", "-")
        if first not in clusters:
            raise Invalid(
                f"TAGSTONE_RUNS__CLUSTER names {first!r}, which is none of {', '.join(clusters)}.",
                remedy="Correct one of the two.",
            )
        return sorted(clusters, key=lambda name: name != first)

    @property
    def kinds(self) -> tuple[Mapping[str, Profile], ...]:
        """The kinds of machines of each cluster, in the order in which runs ask them."""
        return tuple(self.profiles[name] for name in self.order)

    def views(self, project: str = "") -> list[ClusterView]:
        """What may be asked of each cluster before anything of a project is run there, in the order in which runs ask them."""
        return [self._view(name, project) for name in self.order]

    def at(self, name: str, namespace: str) -> Cluster:
        """A cluster by its name, with a namespace that is not the usual one."""
        from tagstone.adapters.kubernetes.client import connect

        one = self._settings.clusters[name]
        return connect(name, namespace, one.kubeconfig, one.context)

    def _view(self, name: str, project: str) -> ClusterView:
        from tagstone.actions.check_cluster import ClusterView
        from tagstone.adapters.kubernetes import nodes as looking
        from tagstone.adapters.kubernetes.manifests import OVERHEAD

        own = self._settings.clusters[name].projects.get(project)
        cluster = self.at(name, own) if own else self.connections[name]
        return ClusterView(
            name,
            nodes=lambda: looking.nodes(cluster),
            quotas=lambda: looking.quotas(cluster),
            ranges=lambda: looking.ranges(cluster),
            profiles=self.profiles[name],
            overhead=OVERHEAD,
            grows=self._settings.clusters[name].grows,
            volume=self._settings.clusters[name].claim is not None,
        )

    def tried(self, name: str) -> Path:
        """The file with what a probe found out about a cluster."""
        return self._application.home / "clusters" / f"{name}.json"

    def builder(self, folder: Path, registry: Registry) -> KubernetesBuilds:
        """What builds on the first cluster that has a place for it, from bases in `registry`. Raises: Invalid where none has."""
        from tagstone.adapters.installation import installation
        from tagstone.adapters.kubernetes.builds import KubernetesBuilds
        from tagstone.adapters.kubernetes.runs import KubernetesRuns
        from tagstone.domain.images.oci import ImageReference

        application, builds = self._application, self._settings.builds
        name = next((name for name in self.order if self._settings.clusters[name].builds is not None), "")
        one = self.building(name)
        runs = KubernetesRuns(
            [self.build_place(name)],
            None,
            self.desk,
            folder,
            application.clock,
            installation=installation(application.home),
            address=application.url,
        )
        self._building.append(runs)
        image, _, digest = one.image.partition("@")
        return KubernetesBuilds(
            runs,
            folder,
            self.desk,
            application.storage,
            registry,
            ImageReference(image, digest),
            resources=self.build_resources(name),
            site_ca=builds.site_ca,
            proxies=application.proxies,
        )

    def building(self, name: str) -> ClusterBuildSettings:
        """What is set of builds on a cluster. Raises: Invalid where nothing is."""
        found = self._settings.clusters[name].builds if name else None
        if found is None:
            raise Invalid(
                "Images are to be built on a cluster, and none in the settings has a place for that.",
                remedy="Set TAGSTONE_CLUSTERS__<NAME>__BUILDS__IMAGE.",
            )
        return found

    def build_resources(self, name: str) -> Resources:
        """What each build has on a cluster. Raises: Invalid where none is made there."""
        from tagstone.domain.runs.hardware import Resources

        one = self.building(name)
        return Resources(cpu=one.cpu, memory=one.memory, disk=one.disk, time=self._settings.builds.time)

    def build_place(self, name: str) -> Place:
        """How builds are made on a cluster. Raises: Invalid where they are not."""
        from tagstone.adapters.kubernetes.manifests import OVERHEAD, Site
        from tagstone.adapters.kubernetes.policies import desk_network, network_policies
        from tagstone.adapters.kubernetes.views import Place

        one, builds = self._settings.clusters[name], self.building(name)
        namespace = builds.namespace
        site = Site(
            namespace=namespace,
            desk=one.desk,
            helper=one.helper,
            registry="",  # images of builds are named whole
            ca=one.desk_ca.read_text() if one.desk_ca else "",
            pull_secret=builds.pull_secret,
            collection=one.collection,
            keep=one.keep,
            grace=one.grace,
            log_limit=self._settings.runs.log_bytes,
            building=True,
        )
        policies = network_policies(namespace, one.desk, desk_network(one.desk, one.desk_network), one.blocked)
        return Place(
            self.build_connections[name],
            site,
            policies=policies if one.policies else (),
            patience=one.patience,
            overhead=OVERHEAD,
            grows=one.grows,
        )

    def _places(self) -> list[Place]:
        names = self.order
        if not names:
            raise Invalid(
                "Runs are to go to a cluster, and none is in the settings.",
                remedy="Set TAGSTONE_CLUSTERS__<NAME>__DESK, __HELPER and __KUBECONFIG.",
            )
        return [self.place(name) for name in names]

    def place(self, name: str) -> Place:
        """How runs are made on a cluster. Raises: Invalid, Conflict where the settings lack something."""
        own = self._settings.clusters[name].projects
        apart = {namespace: self._place(name, self.at(name, namespace)) for namespace in sorted(set(own.values()))}
        return replace(
            self._place(name, self.connections[name]),
            projects={project: apart[namespace] for project, namespace in own.items()},
        )

    def _place(self, name: str, cluster: Cluster) -> Place:
        from tagstone.adapters.kubernetes.manifests import OVERHEAD, Site
        from tagstone.adapters.kubernetes.policies import desk_network, network_policies
        from tagstone.adapters.kubernetes.views import Place

        one = self._settings.clusters[name]
        registry = one.registry or self._settings.builds.registry
        if registry is None:
            raise Conflict(
                f"The nodes of the cluster {name} cannot pull images from a folder of this machine.",
                remedy="Set TAGSTONE_BUILDS__REGISTRY to a registry that they reach.",
            )
        site = Site(
            namespace=cluster.namespace,
            desk=one.desk,
            helper=one.helper,
            registry=registry,
            ca=one.desk_ca.read_text() if one.desk_ca else "",
            pull_secret=one.pull_secret,
            queue=one.queue,
            claim=one.claim,
            collection=one.collection,
            keep=one.keep,
            grace=one.grace,
            log_limit=self._settings.runs.log_bytes,
        )
        inside, kinds = desk_network(one.desk, one.desk_network), self.profiles[name]
        policies = network_policies(cluster.namespace, one.desk, inside, one.blocked, kinds)
        return Place(
            cluster,
            site,
            profiles=kinds,
            policies=policies if one.policies else (),
            patience=one.patience,
            overhead=OVERHEAD,
            grows=one.grows,
            tried=self.tried(name),
        )


def _profile(said: ProfileSettings) -> Profile:
    from tagstone.domain.runs.placement import Profile, Toleration

    return Profile(
        gpu_resource=said.gpu_resource,
        gpu_type=said.gpu_type,
        node_selector=said.node_selector,
        tolerations=tuple(Toleration(one.key, one.value, one.effect) for one in said.tolerations),
        runtime_class=said.runtime_class,
        priority_class=said.priority_class,
        queue=said.queue,
        egress=None if said.egress is None else tuple(said.egress),
    )
