"""The search of the site: by keyboard, on a phone, in every kind of page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from mmlib.course.book import cell_source, read_notebook

from .browse import focused, visit
from .page_checks import overflow, violations

INTRODUCTION = "book/intro.html"
DIALOG = "#pst-search-dialog"


def found(page: Page) -> list[str]:
    """The pages that a search found, best first."""
    page.locator("#search-results li a").first.wait_for()
    page.wait_for_function(
        "() => /finished|did not match/.test(document.querySelector('#search-results').innerText)"
    )
    links = page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.pathname)")
    return [link.removesuffix(".html").rsplit("/", 1)[-1] for link in links]


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{7,}", text.lower()))


def own_word(root: Path, stem: str) -> str:
    """A word in the Markdown of a chapter that starts like no word of any other page."""
    sources = [*root.glob("book/*.yml"), *root.glob("book/*.md")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in sources}
    texts["CHANGELOG"] = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    for path in root.glob("notebooks/*.ipynb"):
        kinds = ("markdown",) if path.stem == stem else ("markdown", "code")
        cells = read_notebook(path)["cells"]
        texts[path.stem] = "\n".join(cell_source(c) for c in cells if c["cell_type"] in kinds)
    elsewhere = {word[:6] for name, text in texts.items() if name != stem for word in words(text)}
    own = sorted(word for word in words(texts[stem]) if word[:6] not in elsewhere)
    assert own, f"{stem} has no word of its own"
    return max(own, key=len)


def test_search_by_keyboard_finds_what_only_one_chapter_says(
    browser: Browser, address: str, root: Path
) -> None:
    word = own_word(root, "04_clip")
    with visit(browser, address) as visitor:
        page = visitor.open(INTRODUCTION)
        page.keyboard.press("Control+k")
        assert page.locator(DIALOG).is_visible() and focused(page, f"{DIALOG} input")
        page.keyboard.press("Escape")
        assert not page.locator(DIALOG).is_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type(word)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        assert set(found(page)) == {"04_clip"}
        assert not visitor.problems


def test_search_on_a_phone_finds_the_errata(browser: Browser, address: str) -> None:
    with visit(browser, address, width=390, has_touch=True) as visitor:
        page = visitor.open(INTRODUCTION)
        page.locator(".search-button:visible").first.tap()
        page.locator(f"{DIALOG} input").fill("temperature")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        assert "errata" in found(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not visitor.problems


@pytest.mark.parametrize("word", ["消融实验", "仿射变换"])
def test_a_chinese_term_leads_to_the_glossary(browser: Browser, address: str, word: str) -> None:
    with visit(browser, address) as visitor:
        page = visitor.open(INTRODUCTION)
        page.keyboard.press("Control+k")
        page.locator(f"{DIALOG} input").fill(word)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        assert "glossary" in found(page)
        assert not visitor.problems


def test_nothing_found_is_said(browser: Browser, address: str) -> None:
    with visit(browser, address) as visitor:
        page = visitor.open("search.html?q=xylophonically")
        page.get_by_text("did not match any documents").wait_for()
        assert not visitor.problems


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_list_of_results_is_accessible(browser: Browser, address: str, scheme: str) -> None:
    with visit(browser, address, scheme, 390) as visitor:
        page = visitor.open("search.html?q=temperature")
        assert found(page)
        assert overflow(page) + violations(page) == []
