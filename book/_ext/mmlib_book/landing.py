"""The landing page: a card with a real figure for each chapter, and one claim as measured."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx

from mmlib.course.book import read_notebook
from mmlib.published import load_all
from mmlib.runtime import TIERS, describe_seconds

from .chapters import Chapter, load_chapters

FOLDER = "_static/cards"
FLIP = {
    "no flip": "c52.scenes.no-flip.left-and-right",
    "mirrored, caption kept": "c52.scenes.naive-flip.left-and-right",
    "mirrored, caption rewritten": "c52.scenes.repaired.left-and-right",
}
PUZZLE = ("05", "fig-05-mirror", (0.5, 0.0, 1.0, 1.0))
PUZZLE_ALT = (
    "A butterfly left of an elephant and a turtle left of an elephant, with captions that say so. "
    "Below, the same two pictures mirrored: the captions are unchanged and now false."
)


def find_figure(notebook: Mapping[str, Any], name: str) -> tuple[bytes, str]:
    """The PNG and the alternative text of a figure of a chapter.

    Raises:
        ValueError: the notebook has no stored figure of that name.
    """
    for cell in notebook["cells"]:
        shown = cell.get("metadata", {}).get("mystnb", {})
        if shown.get("figure", {}).get("name") == name:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    data = "".join(output["data"]["image/png"])
                    return base64.b64decode(data), shown["image"]["alt"]
    raise ValueError(f"no stored figure {name!r}: book/chapters.yml names it for a card")


def crop(png: bytes, box: Sequence[float]) -> Image.Image:
    """The part of a picture between left, top, right, bottom, given as shares of its sides."""
    image = Image.open(BytesIO(png)).convert("RGB")
    width, height = image.size
    left, top, right, bottom = box or (0.0, 0.0, 1.0, 1.0)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"crop {tuple(box)}: left, top, right, bottom are shares from 0 to 1")
    return image.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def _picture(source: str, png: bytes, box: Sequence[float], alt: str) -> str:
    width, height = crop(png, box).size
    return (
        f'<img src="../{FOLDER}/{source}.png" alt="{escape(alt, quote=True)}" '
        f'width="{width}" height="{height}" loading="lazy">'
    )


def _times(timings: Mapping[str, Any]) -> str:
    """What a chapter takes at each tier that was measured: ``smoke 40 s, cpu 8 min``."""
    known = [tier for tier in TIERS if tier in timings]
    return ", ".join(f"{describe_seconds(timings[tier]['wall_s'])} ({tier})" for tier in known)


def _card(chapter: Chapter, content: Mapping[str, Any]) -> str:
    assert chapter.notebook is not None
    png, alt = find_figure(read_notebook(chapter.notebook), chapter.figure)
    picture = _picture(chapter.stem, png, chapter.crop, chapter.alt or alt)
    verdicts = content.get("verdicts", {})
    facts = [f"{len(verdicts)} verdicts" if verdicts else "", _times(content.get("timings", {}))]
    before = ", ".join(f"after chapter {number}" for number in chapter.after)
    line = " · ".join(fact for fact in (*facts, before) if fact)
    return (
        '<li class="mm-chapter">'
        f'<div class="mm-picture">{picture}</div>'
        f'<p class="mm-name"><a href="../notebooks/{chapter.stem}.html">'
        f"{chapter.number}. {escape(chapter.title)}</a></p>"
        f"<p>{escape(chapter.summary)}</p>"
        f'<p class="mm-facts">{escape(line)}</p></li>'
    )


def cards(root: Path) -> str:
    """One card for each chapter that exists, as one HTML block."""
    results = load_all(root / "book" / "results")
    items = "".join(
        _card(chapter, results.get(chapter.stem, {}))
        for chapter in load_chapters(root)
        if chapter.notebook
    )
    return f'<ol class="mm-chapters">{items}</ol>'


def start(root: Path) -> str:
    """Two links: to the first chapter that exists, and to the ledger."""
    first = next((c for c in load_chapters(root) if c.notebook), None)
    links = '<a class="mm-button" href="claims.html">See all verdicts</a>'
    if first:
        links = (
            f'<a class="mm-button mm-first" href="../notebooks/{first.stem}.html">'
            f"Start with chapter {first.number}</a> {links}"
        )
    return f'<p class="mm-start">{links}</p>'


def _bar(name: str, result: Mapping[str, Any]) -> str:
    return (
        f'<div class="mm-bar"><dt>{escape(name)}</dt><dd><span class="mm-track" aria-hidden="true">'
        f'<span class="mm-fill" style="width:{result["mean"]:.1f}%"></span></span>'
        f'<span class="mm-value">{result["mean"]:.1f}%</span></dd></div>'
    )


def puzzle(root: Path) -> str:
    """The flip: a figure of chapter 5 and three stored results; empty without that chapter."""
    number, figure, box = PUZZLE
    chapter = next((c for c in load_chapters(root) if c.stem.startswith(number)), None)
    if chapter is None or chapter.notebook is None:
        return ""
    png, _ = find_figure(read_notebook(chapter.notebook), figure)
    results = load_all(root / "book" / "results").get(chapter.stem, {}).get("results", {})
    if missing := [identity for identity in FLIP.values() if identity not in results]:
        raise ValueError(
            f"the front page shows {', '.join(missing)}, and {chapter.stem} has not stored that: "
            "execute the chapter, or change FLIP in landing.py"
        )
    seeds = min(results[identity]["n"] for identity in FLIP.values())
    bars = "".join(_bar(name, results[identity]) for name, identity in FLIP.items())
    return (
        '<figure class="mm-puzzle"><div class="mm-halves">'
        f'<div class="mm-picture">{_picture("puzzle", png, box, PUZZLE_ALT)}</div>'
        '<div><p class="mm-ask">Which caption is true? Right answers after training on</p>'
        f'<dl class="mm-bars">{bars}</dl>'
        f'<p class="mm-ask">Luck is 50%. Means of {seeds} seeds.</p></div></div>'
        "<figcaption>Top: two scenes with their captions. Bottom: the same scenes mirrored, as a "
        "pipeline for pictures leaves them. Both captions have become false. "
        f'<a href="../notebooks/{chapter.stem}.html">To the experiment</a></figcaption></figure>'
    )


def write_pictures(root: Path, site: Path) -> None:
    """Cut the pictures of the cards out of the chapters' stored figures."""
    wanted = [(c.stem, c.stem, c.figure, c.crop) for c in load_chapters(root) if c.notebook]
    wanted += [
        ("puzzle", stem, PUZZLE[1], PUZZLE[2]) for stem, *_ in wanted if stem.startswith(PUZZLE[0])
    ]
    (site / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, stem, figure, box in wanted:
        png, _ = find_figure(read_notebook(root / "notebooks" / f"{stem}.ipynb"), figure)
        crop(png, box).save(site / FOLDER / f"{name}.png", optimize=True)


def _on_start(app: Sphinx) -> None:
    if app.builder.format == "html":
        write_pictures(Path(app.srcdir), Path(app.outdir))


def setup(app: Sphinx) -> None:
    """Connect to the start of the build."""
    app.connect("builder-inited", _on_start)
