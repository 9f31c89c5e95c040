"""What builders are tried on: the fake, buildah with either storage, Podman's service and a Docker Engine of our own, a real cluster."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.building import BuildBench
from fakes.builder import FakeBuilder
from servers.bases import busybox_base
from servers.builders import BUILDERS, Builds, builds_with, make_builder
from servers.dockerd import running_dockerd
from servers.kubernetes.cluster import Cluster
from servers.kubernetes.images import push_builder, push_helper
from tagstone.adapters.engine_client import Engine, connect
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.environments.build import BaseImage, ContextFile, Recipe
from tagstone.domain.environments.containerfile import parse, rewrite
from tagstone.domain.images.oci import Image, ImageSettings, Platform
from tagstone.ports import Builder


@dataclass
class Rig(Builds):
    """A builder, the base that recipes stand on, and how another object of the same builder is made (or one elsewhere)."""

    base: Image | None = None
    again: Callable[..., Builder] | None = None

    def recipe(self, containerfile: str, *context: ContextFile) -> Recipe:
        """A recipe out of a Containerfile without its first line."""
        rewritten = rewrite(parse("FROM busybox:test\n" + containerfile))
        assert self.base
        return Recipe(
            rewritten.text, (BaseImage("busybox:test", self.base.reference),), 0, context, Platform(), ImageSettings(), True
        )

    def failing(self) -> Recipe:
        """A recipe that fails with a word that is worth showing."""
        if isinstance(self.builder, FakeBuilder):
            self.builder.fail("exit status 3")
        return self.recipe("RUN echo out of order; exit 3\n")

    def slow(self) -> Recipe:
        """A recipe that takes longer than a test looks."""
        if isinstance(self.builder, FakeBuilder):
            self.builder.looks = 10_000
        return self.recipe("RUN echo begun; sleep 600\n")


@pytest.fixture
def registry(tmp_path: Path) -> OciLayout:
    return OciLayout(tmp_path / "images", 30.0)


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = connect(tmp_path_factory.mktemp("podman"), flavour="podman")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running_dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        engine = connect(tmp_path_factory.mktemp("unused"), socket=address, flavour="docker")
        yield engine
        engine.close()


@contextmanager
def rig_on(make: Callable[..., Builder], registry: OciLayout) -> Iterator[Rig]:
    with builds_with(make()) as builds:
        yield Rig(builds.builder, builds.keys, busybox_base(registry), make)


@pytest.fixture(scope="session")
def build_images(cluster: Cluster) -> tuple[str, str]:
    """The images of the containers beside a build, and of builds, in the cluster's registry."""
    return push_helper(cluster), push_builder(cluster)


@pytest.fixture(scope="session")
def build_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the cluster for these tests."""
    name = f"builds-{secrets.token_hex(4)}"
    cluster.new_namespace(name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def _on_a_cluster(request: pytest.FixtureRequest, folder: Path, registry: OciLayout) -> Iterator[Rig]:
    """A rig on a real cluster, as an installation of its own."""
    helper, image = request.getfixturevalue("build_images")
    namespace = request.getfixturevalue("build_namespace")
    bench = BuildBench(request.getfixturevalue("cluster"), namespace, helper, image, folder, registry)
    with bench.open(), rig_on(bench.builder, registry) as made:
        yield made


@pytest.fixture(params=["fake", *BUILDERS, pytest.param("cluster", marks=pytest.mark.kubernetes)])
def rig(request: pytest.FixtureRequest, tmp_path: Path, registry: OciLayout) -> Iterator[Rig]:
    """Every builder."""
    if request.param == "cluster":
        with _on_a_cluster(request, tmp_path, registry) as made:
            yield made
        return

    def make() -> Builder:
        folder = tmp_path / "builds"
        return FakeBuilder(folder) if request.param == "fake" else make_builder(request.param, request, folder, registry)

    with rig_on(make, registry) as made:
        yield made


@pytest.fixture(params=BUILDERS)
def real(request: pytest.FixtureRequest, tmp_path: Path, registry: OciLayout) -> Iterator[Rig]:
    """Every builder that builds something; the site has a CA and a proxy."""
    ca = tmp_path / "site-ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nTHE SITE'S OWN CA\n-----END CERTIFICATE-----\n")

    def make(installation: str = "builds") -> Builder:
        proxies = {"HTTP_PROXY": "http://user:pw-47119@proxy.test:3128", "NO_PROXY": "localhost"}
        return make_builder(request.param, request, tmp_path / installation, registry, site_ca=ca, proxies=proxies)

    with rig_on(make, registry) as made:
        yield made
