"""A real server on the loopback address, and a real browser that looks at it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser.world import DESK, World, fill
from fakes.installation import Installation
from fakes.queue import FakeQueue
from rigs.pages import serving_pages
from tagstone.web.app import create_pages
from tagstone.web.place import Place

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 120_000  # milliseconds, of a busy machine


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    installation = Installation(tmp_path_factory.mktemp("world"))

    def pages(url: str) -> FastAPI:
        place = Place(url, serves_images=True)
        return create_pages(installation.storage, installation.home, place, installation.entrance, FakeQueue())

    with serving_pages(pages) as url:
        made = World(url, installation)
        fill(made)
        yield made
    installation.close()


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
