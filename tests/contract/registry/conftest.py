"""The three registries that the contract is held against: fake, OCI layout, and Debian's docker-registry."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from fakes.registry import FakeRegistry, changed
from servers.docker_registry import RunningRegistry, running_docker_registry
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.images.oci import CONFIG, LAYER, Descriptor, ImageSettings, Platform
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Debian's docker-registry on a free loopback port."""
    with running_docker_registry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@dataclass
class Subject:
    """A registry under test, and a way to damage what it keeps."""

    registry: Any
    corrupt: Any


def _damage(path: Path) -> None:
    path.write_bytes(changed(path.read_bytes()))


def _subject(kind: str, request: pytest.FixtureRequest, tmp_path: Path, session: requests.Session) -> Subject:
    if kind == "fake":
        fake = FakeRegistry()
        return Subject(fake, fake.corrupt)
    if kind == "layout":
        return Subject(OciLayout(tmp_path, 10), lambda digest: _damage(tmp_path / "blobs" / digest.replace(":", "/")))
    running: RunningRegistry = request.getfixturevalue("docker_registry")
    prefix = tmp_path.name.replace("_", "-").lower().strip("-")
    registry = OciRegistry(session, running.host, insecure=True, prefix=prefix)
    store = running.root / "docker/registry/v2/blobs/sha256"
    return Subject(registry, lambda digest: _damage(store / digest[7:9] / digest[7:] / "data"))


@pytest.fixture(params=["fake", "layout", "docker-registry"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, session: requests.Session) -> Subject:
    return _subject(request.param, request, tmp_path, session)


@pytest.fixture(params=["layout", "docker-registry"])
def real_registry(request: pytest.FixtureRequest, tmp_path: Path, session: requests.Session) -> Any:
    return _subject(request.param, request, tmp_path, session).registry


@pytest.fixture
def registry(subject: Subject) -> Any:
    return subject.registry


def push_image(
    registry: Any, name: str, tag: str | None, *layers: bytes, command: tuple[str, ...] = ("true",)
) -> tuple[str, bytes]:
    """Write an image of these layers; returns its digest and manifest."""
    written = [registry.put_blob(name, [layer], LAYER) for layer in layers]
    settings = ImageSettings(env=(("A", "b"),), workdir="/workspace", command=command)
    history = [history_entry("environment", 0)] * len(layers)
    config = config_bytes(Platform(), settings, [layer.digest for layer in written], history, 0)
    descriptor: Descriptor = registry.put_blob(name, [config], CONFIG)
    manifest = manifest_bytes(descriptor, written, {})
    return registry.put_manifest(name, manifest, tag), manifest


@pytest.fixture(scope="session")
def push() -> Any:
    return push_image
