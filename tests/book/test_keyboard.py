"""Folds, copy buttons, colour mode and the menus of a phone, with the keyboard and by touch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Locator, Page

from .anatomy import CHAPTERS
from .browse import Visit, focused, press, visit

CHAPTER_PAGES = [f"notebooks/{chapter.stem}.html" for chapter in CHAPTERS]
INTRODUCTION = "book/intro.html"
SIDEBAR, CONTENTS = "#pst-primary-sidebar-modal", "#pst-secondary-sidebar-modal"


@pytest.fixture(scope="module")
def desktop(browser: Browser, address: str) -> Iterator[Visit]:
    allowed = ["clipboard-read", "clipboard-write"]
    with visit(browser, address, permissions=allowed) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def phone(browser: Browser, address: str) -> Iterator[Visit]:
    with visit(browser, address, width=390, has_touch=True) as visitor:
        yield visitor


def is_open(fold: Locator) -> bool:
    return fold.evaluate("fold => fold.open")


@pytest.mark.parametrize("name", CHAPTER_PAGES)
def test_every_fold_opens_and_closes_with_the_keyboard(desktop: Visit, name: str) -> None:
    page = desktop.open(name)
    quiz = page.locator("#quiz details")
    solutions = page.locator(".tag_solution details")
    assert quiz.count() == 5 and solutions.count() == 5
    folds = page.locator(".bd-article details").all()
    assert len(folds) >= 10
    for fold in folds:
        summary, inside = fold.locator("> summary"), fold.locator("> :not(summary)").first
        assert not is_open(fold) and not inside.is_visible()
        press(summary, "Enter")
        assert is_open(fold) and inside.is_visible() and inside.inner_text().strip()
        press(summary, "Space")
        assert not is_open(fold) and not inside.is_visible()
    for kind in (quiz, solutions):  # and Tab comes by
        press(kind.first.locator("> summary"), "Shift+Tab", "Tab")
        assert kind.first.locator("> summary").evaluate("s => s === document.activeElement")


@pytest.mark.parametrize("name", CHAPTER_PAGES)
def test_code_is_copied_with_the_keyboard(desktop: Visit, name: str) -> None:
    page = desktop.open(name)
    cells = page.locator(".cell_input")
    page.locator(".cell_input button.copybtn").last.wait_for(state="attached")
    assert page.locator(".cell_input button.copybtn").count() == cells.count() > 20
    for cell in (cells.nth(0), page.locator(".tag_exercise .cell_input").first):
        button = cell.locator("button.copybtn")
        button.focus()
        page.wait_for_function("() => getComputedStyle(document.activeElement).opacity === '1'")
        button.press("Enter")
        cell.locator("button.copybtn.success").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.strip() == cell.locator("pre").inner_text().strip() != ""


def mode(page: Page) -> list[str]:
    return page.evaluate(
        "[document.documentElement.dataset.mode, document.documentElement.dataset.theme]"
    )


def test_colour_mode_goes_round_and_is_remembered(browser: Browser, address: str) -> None:
    with visit(browser, address) as visitor:
        page = visitor.open(INTRODUCTION)
        button = page.locator(".theme-switch-button:visible")
        seen = [mode(page)]
        button.focus()
        for _ in range(3):  # the button keeps the focus
            page.keyboard.press("Enter")
            seen.append(mode(page))
        assert seen[0] == seen[3] == ["auto", "light"]
        assert {tuple(pair) for pair in seen[1:3]} == {("dark", "dark"), ("light", "light")}
        while mode(page) != ["dark", "dark"]:
            page.keyboard.press("Enter")
        assert mode(visitor.open(CHAPTER_PAGES[0])) == ["dark", "dark"]
        assert not visitor.problems


@pytest.mark.parametrize(
    ("toggle", "menu"), [(".primary-toggle", SIDEBAR), (".secondary-toggle", CONTENTS)]
)
def test_menus_of_a_phone(phone: Visit, toggle: str, menu: str) -> None:
    page = phone.open(CHAPTER_PAGES[3])
    button, dialog = page.locator(toggle), page.locator(menu)
    press(button, "Enter")
    assert dialog.is_visible() and focused(page, f"{menu} *")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    assert not dialog.is_visible() and focused(page, toggle), "the focus goes back to the button"
    button.tap()
    assert dialog.is_visible()
    box = dialog.bounding_box()
    outside = 385 if box["x"] < 10 else 5
    page.touchscreen.tap(outside, 400)
    assert not dialog.is_visible()


def test_contents_of_a_phone_lead_to_a_part(phone: Visit) -> None:
    page = phone.open(CHAPTER_PAGES[3])
    page.locator(".secondary-toggle").tap()
    page.locator(f"{CONTENTS} a", has_text="Quiz").tap()
    page.wait_for_url("**#quiz")
    if page.locator(CONTENTS).is_visible():
        page.keyboard.press("Escape")
    page.wait_for_function(
        "() => { const top = document.querySelector('#quiz').getBoundingClientRect().top;"
        " return top >= 0 && top < innerHeight }"
    )


def test_skip_link_leads_past_the_menus(desktop: Visit) -> None:
    page = desktop.open(CHAPTER_PAGES[0])
    page.keyboard.press("Tab")
    assert focused(page, "#pst-skip-link a")
    assert page.locator("#pst-skip-link").is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page, "#main-content *") and not focused(page, ".bd-sidebar-primary *")


def test_next_and_previous_follow_the_contents(browser: Browser, address: str, root: Path) -> None:
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    pages = [f"{address}{name}.html" for name in names]
    with visit(browser, address, java_script_enabled=False) as visitor:
        page = visitor.open(f"{names[0]}.html")
        forward, back = [page.url], []
        for _ in pages[1:]:
            page.locator("a.right-next").click()
            page.wait_for_load_state()
            forward.append(page.url)
            back.append(page.locator("a.left-prev").evaluate("link => link.href"))
        assert page.locator("a.right-next").count() == 0
    assert forward == pages
    assert back == pages[:-1]
