"""Pages on a desk, on a phone, in the dark, for a screen reader, on paper."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has none
from playwright.sync_api import Browser

from browser.world import DESK, PHONE, World

pytestmark = pytest.mark.browser
PAGES = [
    "catalogue", "search", "nothing-found", "record", "cluster", "matrix", "changes", "environment", "brought", "hostile", "publications", "working",
    "working-matrix", "waiting", "review", "amended", "tombstone", "problem", "failed-build", "failed-run", "failed-memory",
]  # fmt: skip
# Their status is an error on purpose, which the console tells.
GONE = ("problem", "tombstone")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_page_is_whole_readable_and_accessible(
    browser: Browser, world: World, screenshots: Path | None, name: str, scheme: str, size: tuple[int, int]
):
    width, height = size
    context = browser.new_context(
        base_url=world.url, viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" and name not in GONE else None)
    page.goto(world.pages[name])
    if screenshots:
        page.wait_for_timeout(300)
        page.screenshot(path=screenshots / f"{name}-{'phone' if size == PHONE else 'desk'}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    found = [
        f"{violation['id']}: {[node['target'] for node in violation['nodes']]}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    assert found == []
    assert [fault for fault in faults if "evil" not in fault] == []
    context.close()
