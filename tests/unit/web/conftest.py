"""An installation of its own for each test, and a browser-less client on its pages."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fakes.installation import Installation
from fakes.queue import FakeQueue
from tagstone.web.app import create_pages
from tagstone.web.place import Place


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.close()


@pytest.fixture
def browse(installation: Installation) -> Callable[..., TestClient]:
    """A client on the installation's pages, at the address that people see."""

    def client(url: str = "http://127.0.0.1:8620", *, serves_images: bool = True) -> TestClient:
        place = Place(url, serves_images=serves_images)
        app = create_pages(installation.storage, installation.home, place, installation.entrance, FakeQueue())
        return TestClient(app, raise_server_exceptions=False, follow_redirects=False)

    return client


@pytest.fixture
def web(browse: Callable[..., TestClient]) -> TestClient:
    """A client on the pages as they are by default."""
    return browse()
