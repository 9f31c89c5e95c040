"""What builders are tried on: the fake, buildah with either storage, Podman's service of our own, a Docker Engine of our own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.builder import FakeBuilder
from servers.bases import busybox_base
from servers.builders import BUILDERS, Builds, builds_with, make_builder
from servers.dockerd import running_dockerd
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


@pytest.fixture(params=["fake", *BUILDERS])
def rig(request: pytest.FixtureRequest, tmp_path: Path, registry: OciLayout) -> Iterator[Rig]:
    """Every builder."""

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
