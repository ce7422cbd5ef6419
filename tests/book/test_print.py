"""On paper, and where an address leads nowhere: both in real Chromium."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .browse import LOOK_NAMES, LOOKS, Quiet, Visit, visit
from .page_checks import overflow, structure, violations
from .sample import CHAPTER

SAMPLE = f"notebooks/{CHAPTER}.html"
PREFIX = "/v1/"
PAPER = """() => {
  return {
    ground: getComputedStyle(document.body).backgroundColor,
    text: getComputedStyle(document.querySelector(".bd-article p")).color,
    solution: document.querySelector(".tag_solution .cell_input pre").checkVisibility(),
    closed: document.querySelectorAll(".bd-article details:not([open])").length,
    theme: document.documentElement.dataset.theme,
  };
}"""
WHITE = "rgb(255, 255, 255)"


def brightness(colour: str) -> float:
    """The mean of red, green and blue of ``rgb(1, 2, 3)``."""
    parts = [float(part) for part in colour.strip("rgba()").split(",")[:3]]
    return sum(parts) / 3


def test_printing_in_the_dark_gives_a_white_page_with_open_folds(
    browser: Browser, sample_address: str
) -> None:
    with visit(browser, sample_address, "dark") as visitor:
        page = visitor.open(SAMPLE)
        before = page.evaluate(PAPER)
        assert brightness(before["ground"]) < 64 and before["closed"] > 0
        assert not before["solution"]
        page.evaluate(f"() => addEventListener('beforeprint', () => window.paper = ({PAPER})())")
        assert page.pdf(print_background=True).startswith(b"%PDF")
        paper = page.evaluate("window.paper")
        assert paper["ground"] == WHITE and brightness(paper["text"]) < 64
        assert paper["solution"] and paper["closed"] == 0
        assert page.evaluate(PAPER) == before, "the page on the screen is as it was"
        assert not visitor.problems


def computed(page: Page, selector: str, name: str) -> str:
    """A computed style of the first element that fits."""
    return page.locator(selector).first.evaluate("(e, name) => getComputedStyle(e)[name]", name)


def test_paper_has_the_text_and_nothing_to_click(browser: Browser, sample_address: str) -> None:
    with visit(browser, sample_address, "dark") as visitor:
        page = visitor.open(SAMPLE)
        page.emulate_media(media="print")
        page.wait_for_function("document.documentElement.dataset.theme === 'light'")
        hidden = (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer", ".mm-downloads")
        for selector in hidden:
            assert not page.locator(selector).first.is_visible(), selector
        for selector in (".bd-article h1", ".mm-card", "figure img", ".mm-cite pre"):
            assert page.locator(selector).first.is_visible(), selector
        assert page.locator("h1:visible").count() == 1, "the theme's own title page is left out"
        assert computed(page, ".bd-article pre", "whiteSpace") == "pre-wrap"
        assert computed(page, ".bd-article figure", "breakInside") == "avoid"
        assert computed(page, ".bd-article", "backgroundColor") == WHITE
        page.emulate_media(media="screen")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        assert page.evaluate(PAPER)["closed"] > 0


def test_folds_are_open_on_paper_without_scripts(browser: Browser, sample_address: str) -> None:
    with visit(browser, sample_address, java_script_enabled=False) as visitor:
        page = visitor.open(SAMPLE)
        solution = page.locator(".tag_solution .cell_input pre").first
        assert not solution.is_visible()
        page.emulate_media(media="print")
        assert solution.is_visible()
        assert page.locator(".tag_solution details").first.get_attribute("open") is None


def test_the_colour_of_the_browsers_bar_is_the_pages(browser: Browser, sample_address: str) -> None:
    from mmlib_book.metadata import THEME_COLOURS

    for scheme, colour in THEME_COLOURS.items():
        with visit(browser, sample_address, scheme) as visitor:
            ground = computed(visitor.open(SAMPLE), "body", "backgroundColor")
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        assert ground == f"rgb({red}, {green}, {blue})", scheme


class Host(Quiet):
    """A host that serves a site below ``/v1/`` and answers a missing page with ``404.html``."""

    def translate_path(self, path: str) -> str:
        """The file of an address; nothing is outside the prefix."""
        inside = path.startswith(PREFIX)
        return super().translate_path("/" + path.removeprefix(PREFIX) if inside else "/none")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The site's own page, as static hosts send it."""
        content = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def host(sample_site: Path) -> Iterator[str]:
    """Where such a host is."""
    handler: Any = functools.partial(Host, directory=str(sample_site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def other_problems(visitor: Visit, address: str) -> list[str]:
    """What went wrong beside the missing page itself, which Chromium reports in its console."""
    own = (f"404: {address}", "console: Failed to load resource: the server responded with a")
    return [problem for problem in visitor.problems if not problem.startswith(own)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=LOOK_NAMES)
def test_a_missing_page_below_a_path(browser: Browser, host: str, scheme: str, width: int) -> None:
    missing = f"{host}{PREFIX}a/deep/path/gone.html"
    with visit(browser, f"{host}{PREFIX}", scheme, width) as visitor:
        page = visitor.open("a/deep/path/gone.html")
        assert page.get_by_role("heading", name="This page does not exist").is_visible()
        wrong = other_problems(visitor, missing) + overflow(page) + structure(page)
        assert not wrong + violations(page)


def test_a_missing_page_leads_on(browser: Browser, host: str) -> None:
    with visit(browser, f"{host}{PREFIX}") as visitor:
        page = visitor.open("a/deep/path/gone.html")
        page.get_by_label("Words to look for").fill("diagonal")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{host}{PREFIX}search.html?q=diagonal")
        page.locator("#search-results a", has_text="A sample chapter").first.wait_for()
        page = visitor.open("gone/too.html")
        page.get_by_role("main").get_by_role("link", name="4. CLIP").click()
        page.wait_for_url(f"{host}{PREFIX}{SAMPLE}")
        assert page.locator(".mm-card").is_visible()
