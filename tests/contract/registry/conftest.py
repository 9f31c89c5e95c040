"""The three registries that the contract is held against: fake, OCI layout, and Debian's docker-registry."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from fakes.registry import FakeRegistry, changed
from tagstone.adapters.oci_layout import OciLayout
from tagstone.adapters.oci_registry import OciRegistry
from tagstone.domain.oci import CONFIG, LAYER, Descriptor, ImageSettings, Platform
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes

_CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{root}"}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass
class RunningRegistry:
    """A docker-registry process: where it listens, and the folder it keeps."""

    host: str
    root: Path


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Debian's docker-registry on a free loopback port."""
    root = tmp_path_factory.mktemp("docker-registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "config.yml").write_text(_CONFIG.format(root=root / "data", port=port))
    with (
        (root / "log").open("wb") as log,
        subprocess.Popen(["docker-registry", "serve", str(root / "config.yml")], stdout=log, stderr=log) as process,
    ):
        try:
            for _ in range(200):
                assert process.poll() is None, (root / "log").read_text()
                try:
                    requests.get(f"http://127.0.0.1:{port}/v2/", timeout=1).raise_for_status()
                    break
                except requests.ConnectionError:
                    time.sleep(0.05)
            yield RunningRegistry(f"127.0.0.1:{port}", root / "data")
        finally:
            process.terminate()


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
