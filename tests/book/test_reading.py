"""Readers with other settings: no motion, forced colours, a site on a disk or without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from .anatomy import CHAPTERS
from .browse import press, visit
from .test_search import found

CHAPTER = f"notebooks/{CHAPTERS[3].stem}.html"
CONTRAST = """(verdicts) => verdicts.map((verdict) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((part) => part / 255).map(
      (part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = verdict;
  while (ground.parentElement && (parts(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0)
    ground = ground.parentElement;
  const [a, b] = [getComputedStyle(verdict).color, getComputedStyle(ground).backgroundColor]
    .map(light).sort((x, y) => y - x);
  return [verdict.textContent.trim(), (a + 0.05) / (b + 0.05)];
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_are_words_in_forced_colours(browser: Browser, address: str, scheme: str) -> None:
    with visit(browser, address, scheme, forced_colors="active") as visitor:
        page = visitor.open("book/claims.html")
        assert page.evaluate("matchMedia('(forced-colors: active)').matches")
        verdicts = page.locator(".mm-verdict").evaluate_all(CONTRAST)
    assert len(verdicts) >= 35
    assert all(word and ratio >= 4.5 for word, ratio in verdicts), verdicts


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_way_back_to_the_top_can_be_read(browser: Browser, address: str, scheme: str) -> None:
    with visit(browser, address, scheme) as visitor:
        page = visitor.open("book/run.html")
        ((words, ratio),) = page.locator("#pst-back-to-top").evaluate_all(CONTRAST)
    assert words and ratio >= 4.5, ratio


def test_nothing_moves_for_those_who_asked_for_it(browser: Browser, address: str) -> None:
    with visit(browser, address) as visitor:
        page = visitor.open(CHAPTER)
        press(page.locator("#quiz summary").first, "Enter")
        running = "document.getAnimations().filter((one) => one.playState === 'running').length"
        assert page.evaluate(running) == 0
        behaviour = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
        assert behaviour == "auto"


def test_the_site_opens_from_a_disk(browser: Browser, site: Path) -> None:
    with visit(browser, site.as_uri() + "/") as visitor:
        page = visitor.open("index.html")
        page.wait_for_url("**/book/intro.html")
        page.locator("a.right-next").click()
        page.locator("a.left-prev").wait_for()
        assert not visitor.problems
        page = visitor.open(CHAPTER)
        page.locator("mjx-container").first.wait_for()
        assert not visitor.problems
        page = visitor.open("search.html?q=temperature")
        assert "errata" in found(page)
        assert not visitor.problems


def test_a_chapter_reads_without_scripts(browser: Browser, address: str) -> None:
    with visit(browser, address, java_script_enabled=False) as visitor:
        page = visitor.open(CHAPTER)
        answer = page.locator("#quiz details").first
        answer.locator("summary").click()
        assert answer.locator("> :not(summary)").first.is_visible()
        assert page.locator("main figure img").first.is_visible()
        assert not page.locator(".theme-switch-button:visible").count(), (
            "a button that does nothing"
        )
        assert not visitor.problems
