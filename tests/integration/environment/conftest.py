"""Real builders and real bases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.dockerd import running_dockerd
from tagstone.adapters.engine_client import Engine, connect


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


@pytest.fixture(scope="session")
def site_ca() -> Path | None:
    """The CA bundle of this machine: behind a proxy that opens TLS, packages cannot be fetched without it."""
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    return bundle if bundle.exists() else None
