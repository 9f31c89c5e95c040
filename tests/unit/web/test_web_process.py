"""The web process: pages and images at one address."""

from fastapi.testclient import TestClient

from fakes.installation import Installation
from tagstone.asgi import create_app
from tagstone.bootstrap import Application
from tagstone.settings import Builds, Settings


def _client(installation: Installation, builds: Builds) -> TestClient:
    application = Application(Settings(home=installation.home, builds=builds))
    application.sessions = installation.sessions
    return TestClient(create_app(application))


def test_the_embedded_registry_is_offered_beside_the_pages(installation: Installation):
    client = _client(installation, Builds())
    assert client.get("/").status_code == 200
    assert client.get("/v2/").headers["docker-distribution-api-version"] == "registry/2.0"
    assert client.get("/v2/wobble/manifests/none").json()["errors"]
    assert client.get("/v2/").headers["x-content-type-options"] == "nosniff"


def test_a_registry_of_its_own_is_not_offered_a_second_time(installation: Installation):
    assert _client(installation, Builds(registry="registry.example.org")).get("/v2/").status_code == 404
