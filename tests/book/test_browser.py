"""Every page in real Chromium: light and dark, desktop and phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from .browse import LOOK_NAMES, LOOKS, Visit, page_names, visit
from .page_checks import figures, images, overflow, reflow, structure, violations
from .sample import CHAPTER

SAMPLE = f"notebooks/{CHAPTER}.html"
Check = Callable[[Page], list[str]]
EVERYWHERE: tuple[Check, ...] = (overflow, structure, images)


def check_page(visitor: Visit, name: str, checks: Sequence[Check]) -> list[str]:
    page = visitor.open(name)
    wrong = [fault for check in checks for fault in check(page)]
    return [f"{name}: {fault}" for fault in [*visitor.problems, *wrong]]


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=LOOK_NAMES)
def test_every_page(browser: Browser, address: str, site: Path, scheme: str, width: int) -> None:
    checks = (*EVERYWHERE, figures, violations)
    if (scheme, width) == ("light", 390):  # the layout is the same in the dark
        checks += (reflow,)
    names = page_names(site)
    assert "book/intro.html" in names
    with visit(browser, address, scheme, width) as visitor:
        wrong = [problem for name in names for problem in check_page(visitor, name, checks)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("scheme", "width"), LOOKS, ids=LOOK_NAMES)
def test_a_chapter(browser: Browser, sample_address: str, scheme: str, width: int) -> None:
    with visit(browser, sample_address, scheme, width) as visitor:
        wrong = check_page(visitor, SAMPLE, (*EVERYWHERE, violations, reflow))
    assert not wrong, "\n".join(wrong)


GOOD_FIGURE = """() => {
  document.querySelector("figure img").alt = "One blue point, and nothing else in the picture.";
  document.querySelector("figcaption .caption-text").textContent = "A point on a plane.";
}"""
FAULTS: list[tuple[Check, str, str]] = [
    (overflow, "main.innerHTML += '<p style=\"width: 3000px\">wide</p>'", "px wider"),
    (structure, "main.innerHTML += '<h1>Again</h1>'", "2 headings of the first rank"),
    (structure, "main.innerHTML += '<h2>Two</h2><h5>Five</h5>'", "a jump to h5: Five"),
    (structure, "document.querySelector('meta[name=description]').remove()", "no description"),
    (structure, "document.title = ''", "title: "),
    (structure, "document.documentElement.lang = 'x'", "names no language"),
    (images, "main.innerHTML += '<img src=data:image/png;base64,AA>'", "does not load"),
    (figures, "document.querySelector('figcaption').remove()", "no caption"),
    (figures, "document.querySelector('figure img').alt = 'Dots.'", "of few words"),
    (figures, "document.querySelector('figure img').alt = 'A point on a plane'", "said twice"),
    (figures, "document.querySelector('figure img').alt = 'Figure of dots'", "starts with"),
    (reflow, "main.innerHTML += '<p style=\"width: 330px\">wide</p>'", "at 320 px"),
    (
        reflow,
        "main.innerHTML += '<p style=\"height: 1em; overflow: hidden\">'"
        " + 'many words '.repeat(20) + '</p>'",
        "cut: P.: many words",
    ),
]


@pytest.fixture(scope="module")
def shared(browser: Browser, sample_address: str):
    with visit(browser, sample_address) as visitor:
        yield visitor


@pytest.mark.parametrize(("check", "harm", "words"), FAULTS)
def test_a_fault_is_found(shared: Visit, check: Check, harm: str, words: str) -> None:
    page = shared.open(SAMPLE)
    page.evaluate(GOOD_FIGURE)
    assert not any(words in fault for fault in check(page))
    page = shared.open(SAMPLE)
    page.evaluate(GOOD_FIGURE)
    page.evaluate(f"() => {{ const main = document.querySelector('article'); {harm} }}")
    assert any(words in fault for fault in check(page))


def test_a_figure_without_ground_is_found_in_the_dark(browser: Browser, sample_address) -> None:
    with visit(browser, sample_address, "dark") as visitor:
        page = visitor.open(SAMPLE)
        assert not any("no light ground" in fault for fault in figures(page))
        page.add_style_tag(content="figure img { background: transparent !important }")
        assert any("no light ground" in fault for fault in figures(page))


def test_a_word_of_code_too_pale_to_read_is_found(shared: Visit) -> None:
    page = shared.open(SAMPLE)
    page.add_style_tag(content=".highlight .nb { color: #ddd !important }")
    found = violations(page)
    assert len(found) == 1
    assert "color-contrast" in found[0] and '<span class="nb">print' in found[0]


def test_what_happens_on_a_page_is_noted(shared: Visit) -> None:
    page = shared.open(SAMPLE)
    assert shared.problems == []
    with page.expect_response("**/missing.png"):
        page.evaluate("() => { console.warn('look here'); new Image().src = 'missing.png' }")
    page.evaluate("() => { fetch('http://127.0.0.1:9/').catch(() => 0) }")
    page.wait_for_function("() => true")
    noted = "\n".join(shared.problems)
    assert "console: look here" in noted
    assert "404: " in noted and "external request: http://127.0.0.1:9/" in noted


def test_front_page_leads_to_the_introduction(browser: Browser, address: str) -> None:
    with visit(browser, address) as visitor:
        visitor.open("")
        visitor.page.wait_for_url("**/book/intro.html")
        assert urlsplit(visitor.page.url).path == "/book/intro.html"
        assert not visitor.problems


def test_equations_are_set_without_a_network(browser: Browser, sample_address: str) -> None:
    with visit(browser, sample_address) as visitor:
        visitor.open(SAMPLE).locator("mjx-container").first.wait_for()
        assert not visitor.problems
