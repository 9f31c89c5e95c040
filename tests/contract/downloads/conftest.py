"""A web server that is only reached because the test allows it by name."""

from collections.abc import Iterator

import pytest

from fakes.web_server import WebServer, web_server


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with web_server(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def web(_running: WebServer) -> WebServer:
    """The server with nothing on it."""
    for served in (_running.files, _running.redirects, _running.statuses, _running.documents, _running.asked):
        served.clear()
    return _running
