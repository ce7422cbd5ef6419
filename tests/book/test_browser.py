"""The pages in real Chromium: light and dark, desktop and phone."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from .sample import CHAPTER

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]
LOOK_NAMES = [f"{scheme}-{width}" for scheme, width in LOOKS]
SAMPLE = f"notebooks/{CHAPTER}.html"

# Seven in ten elements of a chapter are coloured words of code, of some twenty kinds. Three of each
# kind stay that axe-core can judge (shown, longer than a character), in code and in outputs: it
# finds the same kinds, and takes a third of the time or less.
THREE_WORDS_OF_EACH_KIND = """() => {
  const kept = {};
  for (const word of document.querySelectorAll("pre span[class]")) {
    const kind = word.className + (word.closest(".cell_output") ? " output" : "");
    const judged = word.checkVisibility() && word.textContent.trim().length > 1;
    if (judged) kept[kind] = (kept[kind] || 0) + 1;
    if (!judged || kept[kind] > 3) word.replaceWith(...word.childNodes);
  }
}"""


class Quiet(SimpleHTTPRequestHandler):
    """A static server that does not write a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        return None


@dataclass
class Visit:
    """What happened while a page was open."""

    page: Page
    base: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self._request(request.url))
        self.page.on("response", lambda answer: self._response(answer.status, answer.url))

    def _console(self, message: object) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _request(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.problems.append(f"external request: {url}")

    def _response(self, status: int, url: str) -> None:
        if status >= 400:
            self.problems.append(f"{status}: {url}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("the site is tested in Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        yield playwright.chromium.launch(executable_path=chromium, args=options)


@pytest.fixture(scope="session")
def serve() -> Iterator[functools.partial]:
    servers: list[ThreadingHTTPServer] = []

    def start(site: Path) -> str:
        server = ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield functools.cache(start)
    for server in servers:
        server.shutdown()


def open_page(browser: Browser, scheme: str, width: int, base: str) -> Visit:
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    return Visit(context.new_page(), base)


def names(site: Path) -> list[str]:
    found = [path.relative_to(site) for path in site.rglob("*.html")]
    return sorted(name.as_posix() for name in found if name.parts[0] not in ("_static",))


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def violations(page: Page) -> list[str]:
    """What axe-core finds (all its rules), one line for each rule and place. Changes the page."""
    page.evaluate(THREE_WORDS_OF_EACH_KIND)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"][:5]]


def check_page(visit: Visit, base: str, name: str) -> list[str]:
    visit.problems.clear()
    visit.page.goto(base + name, wait_until="load")
    wrong = list(visit.problems)
    if (pixels := overflow(visit.page)) > 0:
        wrong.append(f"{pixels} px wider than the window")
    wrong += violations(visit.page)
    return [f"{name}: {problem}" for problem in wrong]


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=LOOK_NAMES)
def test_every_page(browser: Browser, serve, site: Path, scheme: str, width: int) -> None:
    base = serve(site)
    visit = open_page(browser, scheme, width, base)
    pages = [name for name in names(site) if name != "index.html"]
    assert "book/intro.html" in pages
    wrong = [problem for name in pages for problem in check_page(visit, base, name)]
    visit.page.context.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=LOOK_NAMES)
def test_a_chapter(browser: Browser, serve, sample_site: Path, scheme: str, width: int) -> None:
    base = serve(sample_site)
    visit = open_page(browser, scheme, width, base)
    wrong = check_page(visit, base, SAMPLE)
    visit.page.context.close()
    assert not wrong, "\n".join(wrong)


def test_a_word_of_code_too_pale_to_read_is_found(browser: Browser, serve, sample_site) -> None:
    base = serve(sample_site)
    visit = open_page(browser, "light", 1280, base)
    visit.page.goto(base + SAMPLE, wait_until="load")
    visit.page.add_style_tag(content=".highlight .nb { color: #ddd !important }")
    found = violations(visit.page)
    visit.page.context.close()
    assert len(found) == 1
    assert "color-contrast" in found[0] and '<span class="nb">print' in found[0]


def test_front_page_leads_to_the_introduction(browser: Browser, serve, site: Path) -> None:
    base = serve(site)
    visit = open_page(browser, "light", 1280, base)
    visit.page.goto(base)
    visit.page.wait_for_url("**/book/intro.html")
    assert urlsplit(visit.page.url).path == "/book/intro.html"
    visit.page.context.close()


def test_folds_open_with_the_keyboard(browser: Browser, serve, sample_site: Path) -> None:
    base = serve(sample_site)
    visit = open_page(browser, "light", 1280, base)
    visit.page.goto(base + SAMPLE)
    for details in visit.page.locator(".bd-article details").all():
        assert details.get_attribute("open") is None
        details.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        assert details.get_attribute("open") is not None
    assert visit.page.get_by_text("Because all").is_visible()
    assert visit.page.locator(".tag_solution .cell_input").is_visible()
    visit.page.context.close()


def test_search_finds_a_term(browser: Browser, serve, site: Path) -> None:
    base = serve(site)
    visit = open_page(browser, "light", 1280, base)
    visit.page.goto(base + "search.html?q=temperature")
    result = visit.page.locator("#search-results a", has_text="Errata").first
    result.wait_for(timeout=10_000)
    assert not visit.problems
    visit.page.context.close()


def test_equations_are_set_without_a_network(browser: Browser, serve, sample_site: Path) -> None:
    base = serve(sample_site)
    visit = open_page(browser, "light", 1280, base)
    visit.page.goto(base + SAMPLE, wait_until="networkidle")
    assert visit.page.locator("mjx-container").count() >= 1
    assert not visit.problems
    visit.page.context.close()
