"""The landing page: a card a chapter with its real figure, numbers from stored results."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
import yaml
from PIL import Image

from .pages import Page


@pytest.fixture(scope="module")
def intro(site: Path) -> str:
    return (site / "book" / "intro.html").read_text(encoding="utf-8")


@pytest.fixture
def book(root: Path, tmp_path: Path) -> Path:
    """A copy of what the landing page is made from."""
    for name in ("book/results", "notebooks"):
        shutil.copytree(root / name, tmp_path / name)
    shutil.copy(root / "book" / "chapters.yml", tmp_path / "book" / "chapters.yml")
    return tmp_path


def test_every_chapter_has_a_card_with_a_figure_of_its_own(site: Path, intro: str) -> None:
    chapters = sorted((site / "notebooks").glob("*.html"))
    cards = re.findall(r'<li class="mm-chapter">.*?</li>', intro, re.S)
    assert len(cards) == len(chapters) >= 5
    for card, chapter in zip(cards, chapters, strict=True):
        assert f'href="../notebooks/{chapter.name}"' in card
        assert re.search(r"\d+ (min|s) \(cpu\)", card) and re.search(r"\d+ verdicts", card)
    pictures = [img for img in Page(site / "book" / "intro.html").images if "cards" in img["src"]]
    assert len(pictures) == len(chapters) + 1
    for picture in pictures:
        image = Image.open(site / "book" / picture["src"]).convert("L")
        assert image.size == (int(picture["width"]), int(picture["height"]))
        low, high = image.getextrema()
        assert high > 240 and low < 120, f"{picture['src']} is blank"


def test_the_front_page_links_to_ledger_and_first_chapter(intro: str) -> None:
    assert 'href="claims.html">See all verdicts' in intro
    assert re.search(r'mm-first" href="../notebooks/01_\w+.html">Start with chapter 1<', intro)


def test_every_claim_is_one_click_away(intro: str, root: Path) -> None:
    claims = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    wanted = {f"claims.html#claim-{claim['id'].lower().replace('.', '-')}" for claim in claims}
    assert wanted <= set(re.findall(r'href="([^"]+)"', intro))
    assert f"It makes {len(claims)} claims" in intro


def test_the_puzzle_shows_stored_results(intro: str, root: Path) -> None:
    from mmlib_book.landing import FLIP

    stored = json.loads((root / "book" / "results" / "05_augmentation.json").read_text())
    shown = [float(n) for n in re.findall(r'mm-value">([\d.]+)%<', intro)]
    assert shown == [round(stored["results"][name]["mean"], 1) for name in FLIP.values()]


def test_a_changed_result_changes_the_front_page(book: Path) -> None:
    from mmlib_book.landing import FLIP, cards, puzzle

    path = book / "book" / "results" / "05_augmentation.json"
    stored = json.loads(path.read_text())
    stored["results"][FLIP["mirrored, caption kept"]]["mean"] = 12.34
    stored["timings"]["cpu"]["wall_s"] = 7200.0
    path.write_text(json.dumps(stored))
    assert ">12.3%<" in puzzle(book) and "width:12.3%" in puzzle(book)
    assert "2 h 00 min (cpu)" in cards(book)
    del stored["results"][FLIP["no flip"]]
    path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="c52.scenes.no-flip.left-and-right, and 05"):
        puzzle(book)


def test_only_measured_tiers_are_named(book: Path) -> None:
    from mmlib_book.landing import cards

    path = book / "book" / "results" / "04_clip.json"
    stored = json.loads(path.read_text())
    stored["timings"] = {"smoke": {"wall_s": 41.0}}
    path.write_text(json.dumps(stored))
    card = unescape(cards(book)).split("mm-chapter")[5]
    assert "4. CLIP" in card and "41 s (smoke)" in card and "(cpu)" not in card


def test_an_incomplete_table_of_chapters_is_refused(book: Path) -> None:
    from mmlib_book.chapters import load_chapters

    path = book / "book" / "chapters.yml"
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(rows[1:]), encoding="utf-8")
    with pytest.raises(ValueError, match="no entry for 01_modality_challenges.ipynb"):
        load_chapters(book)
    del rows[3]["figure"]
    path.write_text(yaml.safe_dump(rows), encoding="utf-8")
    with pytest.raises(ValueError, match="figure missing"):
        load_chapters(book)
    rows[3]["figure"], alt = "fig-04-gallery", rows[0].pop("alt")
    path.write_text(yaml.safe_dump(rows), encoding="utf-8")
    assert alt
    with pytest.raises(ValueError, match="alt missing"):
        load_chapters(book)


def test_a_figure_that_is_not_there_and_a_crop_outside_are_refused(book: Path) -> None:
    from mmlib_book.landing import cards

    path = book / "book" / "chapters.yml"
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows[0]["crop"] = [0, 0, 1, 1.5]
    path.write_text(yaml.safe_dump(rows), encoding="utf-8")
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        cards(book)
    rows[0]["figure"] = "fig-nowhere"
    path.write_text(yaml.safe_dump(rows), encoding="utf-8")
    with pytest.raises(ValueError, match="no stored figure 'fig-nowhere'"):
        cards(book)
