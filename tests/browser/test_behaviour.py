"""What a visitor does: searches, walks by keyboard, follows a publication live, looks without scripts, meets hostile content."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from browser import scene
from browser.world import World
from fakes.installation import NOW
from tagstone.domain.publications.publication import State, Step
from tagstone.store.logs import chunk_key
from tagstone.store.tables import Log, Publication, StepRow

pytestmark = pytest.mark.browser


@pytest.fixture
def plain(browser: Browser, world: World) -> Iterator[Page]:
    """A browser without scripts."""
    context = browser.new_context(base_url=world.url, java_script_enabled=False)
    context.set_default_timeout(120_000)
    yield context.new_page()
    context.close()


def test_a_search_finds_and_a_filter_narrows(page: Page):
    page.goto("/")
    page.get_by_label("Words of title").fill("polar wob")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="The Chandler wobble")).to_have_count(2)
    page.get_by_label("Words of title").fill("")
    page.get_by_label("Holds").select_option("environment")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page).to_have_url(re.compile("contents=environment"))


def test_the_list_is_walked_forth_and_back(page: Page):
    page.goto("/")
    page.get_by_role("link", name="Older").click()
    assert page.get_by_role("article").count() > 0
    page.get_by_role("link", name="Newer").click()
    expect(page.get_by_role("article")).to_have_count(25)


@pytest.mark.parametrize("name", ["catalogue", "record", "working", "failed-run"])
def test_every_page_is_walked_with_the_tabulator_and_shows_where_one_is(page: Page, world: World, name: str):
    page.goto(world.pages[name])
    _load_frames(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(16):
        page.keyboard.press("Tab")
        _wait_until(page, lambda: _focus_is_seen(page))


def test_a_preview_in_a_frame_is_reached_and_scrolled_by_keyboard(page: Page, world: World):
    page.goto(world.pages["record"])
    _load_frames(page)
    page.get_by_role("link", name="periods.ipynb").first.focus()
    page.keyboard.press("Shift+Tab")
    _wait_until(
        page, lambda: bool(page.frames[1].evaluate("document.hasFocus() && document.activeElement.matches(':focus-visible')"))
    )
    assert _focus_is_seen(page)
    page.keyboard.press("End")
    _wait_until(page, lambda: bool(page.frames[1].evaluate("scrollY > 0")))


def test_tabs_are_chosen_by_keyboard_and_without_a_script(plain: Page, world: World):
    plain.goto(world.pages["record"])
    expect(plain.get_by_text("podman run")).to_be_visible()
    plain.get_by_label("Podman", exact=True).focus()
    plain.keyboard.press("ArrowRight")
    expect(plain.get_by_text("docker run", exact=False).first).to_be_visible()
    plain.get_by_text("Kubernetes", exact=True).click()
    expect(plain.get_by_text("kind: Job")).to_be_visible()
    expect(plain.get_by_text("podman run")).to_be_hidden()


def test_without_scripts_every_page_is_whole_and_follows_by_looking_again(plain: Page, world: World):
    for name, address in world.pages.items():
        plain.goto(address)
        expect(plain.get_by_role("heading", level=1)).to_be_visible()
        assert plain.get_by_role("main").inner_text().strip(), name
    plain.goto(world.pages["working"])
    plain.get_by_role("link", name="Follow it").click()
    expect(plain.get_by_text("This page looks again by itself")).to_be_visible()
    assert plain.locator('meta[http-equiv="refresh"]').count() == 1


def test_nothing_that_strangers_wrote_runs(desk: BrowserContext, world: World):
    page = desk.new_page()
    struck: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        struck.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismissed)
    page.on("pageerror", lambda error: struck.append(str(error)))
    hostile = world.pages["hostile"]
    for address in (hostile, "/", world.pages["publications"], hostile.replace("/records/", "/publications/")):
        page.goto(address)
        page.mouse.wheel(0, 20_000)
        page.wait_for_timeout(200)
        assert page.evaluate("window.struck") is None
    for path in ("files/outputs/evil.svg", "previews/outputs/evil.ipynb", "files/outputs/evil.png"):
        page.goto(f"{hostile}/{path}")
        page.wait_for_timeout(200)
        # A script of ours comes past the page's policy; that of the page did not run before it.
        assert page.evaluate("window.struck") is None
    assert struck == []


def test_a_notebook_stands_in_a_frame_without_scripts(page: Page, world: World):
    page.goto(world.pages["hostile"])
    frame = page.locator("iframe")
    frame.scroll_into_view_if_needed()
    assert frame.get_attribute("sandbox") == ""
    inside = page.frame_locator("iframe")
    expect(inside.get_by_text("period 433.0 d")).to_be_visible()
    assert inside.locator("script, svg, a, form").count() == 0
    expect(inside.get_by_role("img").first).to_be_visible()


def test_a_publication_is_followed_live_without_loading_the_page_again(page: Page, world: World):
    publication = scene.working(world.installation, "p" + "12" * 8)
    page.goto(f"/publications/{publication}")
    expect(page.get_by_text("Live: this page follows by itself")).to_be_visible()
    page.evaluate("window.same = true")
    _speak(world, publication, b"epoch 3 of 40\n")
    expect(page.get_by_text("epoch 3 of 40")).to_be_visible()
    _end(world, publication)
    expect(page.get_by_role("link", name="See the record")).to_be_visible()
    expect(page.get_by_text("It has ended.")).to_be_visible()
    assert page.evaluate("window.same") is True
    assert page.locator("li.done").count() == 4


def test_a_page_loads_nothing_from_elsewhere_and_its_style_only_once(desk: BrowserContext, world: World):
    page = desk.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(world.pages["record"])
    page.goto(world.pages["environment"])
    assert all(url.startswith((world.url, "data:")) for url in asked)
    style = page.goto(next(url for url in asked if "style.css" in url))
    assert style is not None
    assert "immutable" in style.headers["cache-control"]


def test_printed_a_record_shows_every_panel_and_no_navigation(page: Page, world: World):
    page.goto(world.pages["record"])
    page.emulate_media(media="print")
    expect(page.get_by_text("kind: Job")).to_be_visible()
    expect(page.get_by_role("navigation", name="Site")).to_be_hidden()


def _speak(world: World, publication: str, words: bytes) -> None:
    world.installation.storage.write(chunk_key(publication, "run-1", 2), [words])
    with world.installation.sessions.write() as session:
        log = session.query(Log).filter_by(publication_id=publication).one()
        log.last, log.size = 2, log.size + len(words)


def _end(world: World, publication: str) -> None:
    with world.installation.sessions.write() as session:
        row = session.get_one(Publication, publication)
        row.state, row.step, row.finished_at, row.updated_at = State.PUBLISHED, None, NOW, NOW + 5
        step = session.query(StepRow).filter_by(publication_id=publication, step=Step.RUN).one()
        step.state, step.finished_at = "done", NOW


def _focus_is_seen(page: Page) -> bool:
    in_frame = page.evaluate("document.activeElement.tagName === 'IFRAME'")
    seen: bool = (page.frames[1] if in_frame else page).evaluate("""() => {
        const here = document.activeElement, marked = here.matches("input.hidden") ? here.nextElementSibling : here;
        if (here === document.body && !here.matches("[tabindex]")) return true;
        return getComputedStyle(marked).outlineStyle !== "none" || getComputedStyle(marked, "::after").borderTopStyle === "solid";
    }""")
    return seen


def _wait_until(page: Page, holds: Callable[[], bool]) -> None:
    """A frame takes the focus and scrolls in a process of its own, a moment after the key."""
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    pytest.fail("it did not come to hold in ten seconds")


def _load_frames(page: Page) -> None:
    """Frames load when they come into sight; one that loads while it is walked into loses the focus."""
    for frame in page.locator("iframe").all():
        frame.scroll_into_view_if_needed()
        expect(frame.content_frame.locator("body[tabindex]")).to_be_visible()
