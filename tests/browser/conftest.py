"""A real server on the loopback address, and a real browser that looks at it."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser.world import DESK, World, fill
from fakes.installation import Installation
from fakes.queue import FakeQueue
from tagstone.web.app import create_pages
from tagstone.web.place import Place

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 120_000  # milliseconds, of a busy machine


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    installation = Installation(tmp_path_factory.mktemp("world"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        made = World(f"http://127.0.0.1:{listener.getsockname()[1]}", installation)
        fill(made)
        app = create_pages(
            installation.storage, installation.home, Place(made.url, serves_images=True), installation.entrance, FakeQueue()
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        _until_up(server)
        yield made
        server.should_exit = True
        thread.join()
    installation.close()


def _until_up(server: uvicorn.Server) -> None:
    for _ in range(200):
        if server.started:
            return
        time.sleep(0.05)
    raise AssertionError("the server did not come up")


@pytest.fixture(scope="session", autouse=True)
def _patient() -> None:
    expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def desk(browser: Browser, world: World) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=world.url, viewport={"width": DESK[0], "height": DESK[1]})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(desk: BrowserContext) -> Page:
    return desk.new_page()


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Where pictures of the pages are put: the folder that the variable SCREENSHOTS names."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)
