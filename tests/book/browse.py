"""Pages in real Chromium: one served site, one browser, and what happens while a page is open."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]
LOOK_NAMES = [f"{scheme}-{width}" for scheme, width in LOOKS]
HEIGHT = 844


class Quiet(SimpleHTTPRequestHandler):
    """A static server that does not write a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        return None


@dataclass
class Visit:
    """A page and what went wrong while it was open: messages, failures, requests elsewhere."""

    page: Page
    base: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self._request(request.url))
        self.page.on("response", lambda answer: self._response(answer.status, answer.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _request(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.problems.append(f"external request: {url}")

    def _response(self, status: int, url: str) -> None:
        if status >= 400:
            self.problems.append(f"{status}: {url}")

    def open(self, name: str) -> Page:
        """The page of this name, loaded; problems of the page before are forgotten."""
        self.problems.clear()
        self.page.goto(self.base + name, wait_until="load")
        return self.page


def find_chromium() -> str:
    """Where Chromium is.

    Raises:
        FileNotFoundError: it is not installed.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise FileNotFoundError("the site is looked at in Chromium: apt-get install chromium")


@contextmanager
def launch() -> Iterator[Browser]:
    """A Chromium without a window."""
    options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """The address under which the files of a site are served, on this machine only."""
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@contextmanager
def visit(
    browser: Browser, base: str, scheme: str = "light", width: int = 1280, **options: Any
) -> Iterator[Visit]:
    """A fresh visitor: nothing stored, no motion. ``options`` go to the browser's context."""
    settings = {"reduced_motion": "reduce", "color_scheme": scheme, **options}
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, **settings)
    yield Visit(context.new_page(), base)
    context.close()


def page_names(site: Path) -> list[str]:
    """The pages of a site; the theme leaves templates in ``_static``, the root only forwards."""
    found = (path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return sorted(n for n in found if not n.startswith("_static/") and n != "index.html")


def press(target: Locator, *keys: str) -> None:
    """Put the focus on an element and press keys there."""
    target.focus()
    for key in keys:
        target.page.keyboard.press(key)


def focused(page: Page, selector: str) -> bool:
    """Whether the element with the keyboard's focus fits the selector."""
    return page.evaluate("selector => document.activeElement.matches(selector)", selector)
