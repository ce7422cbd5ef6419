"""What must hold on every page, each check as a function from an open page to its faults."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

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

# All that axe-core says of a chapter is tens of megabytes: only the faults leave the browser. Its
# preload would fetch each style sheet again.
AXE = """async () => {
  const found = await axe.run({ resultTypes: ["violations"], preload: false });
  return found.violations.flatMap((rule) => rule.nodes.slice(0, 5).map(
    (node) => `${rule.id}: ${node.html.slice(0, 120)}`));
}"""

HEAD_AND_HEADINGS = """() => {
  const faults = [];
  const shown = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(
    (heading) => heading.checkVisibility() || heading.closest("details"));
  const first = shown.filter((heading) => heading.tagName === "H1").length;
  if (first !== 1) faults.push(`${first} headings of the first rank, not 1`);
  let before = 0;
  for (const heading of shown.filter((one) => one.closest("main"))) {
    const rank = Number(heading.tagName[1]);
    if (rank > before + 1) faults.push(`a jump to h${rank}: ${heading.textContent.trim()}`);
    before = rank;
  }
  const meta = document.querySelector('meta[name="description"]');
  const listed = !document.querySelector('meta[name="robots"][content*="noindex"]');
  if (listed && !(meta?.content.trim().length >= 20)) faults.push("no description");
  if (document.title.trim().length < 10) faults.push(`title: ${document.title}`);
  if (document.documentElement.lang !== "en") faults.push("the page names no language");
  return faults;
}"""

IMAGES = """async () => {
  const faults = [];
  for (const image of document.querySelectorAll("main img")) {
    const name = image.src.slice(-30);
    for (const fold of [image.closest("details")]) if (fold) fold.open = true;
    if (!image.checkVisibility()) continue;
    image.scrollIntoView();
    const loaded = await image.decode().then(() => true, () => false);
    if (!loaded || image.naturalWidth === 0) faults.push(`${name} does not load`);
  }
  window.scrollTo(0, 0);
  return faults;
}"""

FIGURES = """() => {
  const faults = [];
  const pure = (text) => text.trim().toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
  for (const image of document.querySelectorAll(".cell_output img, main figure img")) {
    const name = image.alt.slice(0, 40) || image.src.slice(-30);
    const whole = image.closest("figure")?.querySelector("figcaption");
    const caption = whole?.querySelector(".caption-text") ?? whole;
    if (!caption || caption.textContent.trim().length < 10) faults.push(`${name}: no caption`);
    else if (pure(caption.textContent) === pure(image.alt)) faults.push(`${name}: said twice`);
    if (image.alt.length < 40) faults.push(`${name}: an alternative text of few words`);
    if (/^(a |an |the )?(figure|image|picture of)\\b/i.test(image.alt)) faults.push(
      `${name}: starts with what it is, not what it shows`);
    const ground = getComputedStyle(image).backgroundColor.match(/[\\d.]+/g).map(Number);
    const light = ground.slice(0, 3).every((part) => part >= 240) && (ground[3] ?? 1) === 1;
    if (document.documentElement.dataset.theme === "dark" && !light) faults.push(
      `${name}: no light ground in the dark`);
  }
  return faults;
}"""

# WCAG 1.4.12: a reader may set these; no text may be lost.
TEXT_SPACING = """
  * { line-height: 1.5 !important; letter-spacing: 0.12em !important;
      word-spacing: 0.16em !important; }
  p { margin-bottom: 2em !important; }
"""
CUT_TEXT = """() => {
  const faults = [];
  for (const box of document.querySelectorAll("body *")) {
    if (!box.checkVisibility() || box.clientWidth <= 1 || box.clientHeight <= 1) continue;
    const own = [...box.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    const style = getComputedStyle(box);
    const cut = (way, inside, outside) => /hidden|clip/.test(way) && inside > outside + 2;
    if (own && (cut(style.overflowX, box.scrollWidth, box.clientWidth) ||
                cut(style.overflowY, box.scrollHeight, box.clientHeight)))
      faults.push(`cut: ${box.tagName}.${box.className}: ${box.textContent.trim().slice(0, 40)}`);
  }
  return faults;
}"""


def overflow(page: Page) -> list[str]:
    """The page scrolls sideways."""
    pixels = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"{pixels} px wider than the window"] if pixels > 0 else []


def violations(page: Page) -> list[str]:
    """What axe-core finds (all its rules), one line for each rule and place. Changes the page."""
    page.evaluate(THREE_WORDS_OF_EACH_KIND)
    page.evaluate(AXE_SCRIPT)
    return page.evaluate(AXE)


def structure(page: Page) -> list[str]:
    """One first heading, ranks without a jump, a title, a language, and a description on the pages
    that search engines may list."""
    return page.evaluate(HEAD_AND_HEADINGS)


def images(page: Page) -> list[str]:
    """Pictures that do not load, those below the window included. Opens the folds they are in."""
    return page.evaluate(IMAGES)


def figures(page: Page) -> list[str]:
    """Figures without caption or finding, or without a light ground in the dark."""
    return page.evaluate(FIGURES)


def reflow(page: Page) -> list[str]:
    """Faults at a width of 320 px (a zoom of 400%), also with wide text. Changes the page."""
    size = page.viewport_size or {"width": 390, "height": 844}
    page.set_viewport_size({"width": 320, "height": size["height"]})
    faults = [f"at 320 px: {fault}" for fault in overflow(page)]
    page.add_style_tag(content=TEXT_SPACING)
    faults += [f"with wide text: {fault}" for fault in overflow(page) + page.evaluate(CUT_TEXT)]
    page.set_viewport_size(size)
    return faults
