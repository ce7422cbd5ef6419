"""What the extension makes of a chapter, on a small book of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .sample import CHAPTER, build, make_notebook, make_results, write_notebook, write_results


@pytest.fixture(scope="session")
def chapter(sample_site: Path) -> str:
    return (sample_site / "notebooks" / f"{CHAPTER}.html").read_text(encoding="utf-8")


def test_run_card_stands_under_the_title(chapter: str) -> None:
    head = r"<div class=\"mm-head\">(?:(?!<p>|<div class=\"cell).)*</div>"
    assert re.search(rf"</h1>\s*{head}\s*<dl class=\"mm-card\">", chapter, re.S)
    for fact in ("cpu", "Sample CPU &lt;X&gt;", "7 min", "2.1 GB", "2026-11-20", "torch 2.14.1"):
        assert f"<dd>{fact}</dd>" in chapter or fact in chapter, fact


def test_the_time_is_told_once_by_the_head(chapter: str) -> None:
    assert "read the box below" in chapter and "mm-head-facts" in chapter
    assert "Two minutes" not in chapter and "nothing at all" not in chapter


def test_boxes_come_from_plain_markdown(chapter: str) -> None:
    assert re.search(r'class="tip mm-key admonition">\s*<p class="admonition-title">Key', chapter)
    assert "A second paragraph." in chapter
    assert re.search(r"<blockquote>\s*<div><p>An ordinary quotation", chapter)
    assert "**Warning.** inside a code block stays text" in chapter
    assert re.search(r"<details[^>]*>.*Why is chance ln B", chapter, re.S)


def test_claim_box_and_ledger_link_to_each_other(chapter: str, sample_site: Path) -> None:
    assert 'href="../book/claims.html#claim-c4-5"' in chapter
    assert 'id="box-c4-5"' in chapter
    ledger = (sample_site / "book" / "claims.html").read_text(encoding="utf-8")
    assert f'href="../notebooks/{CHAPTER}.html#box-c4-5"' in ledger


def test_solution_is_folded(chapter: str) -> None:
    fold = re.search(r"<details class=\"[^\"]*hide above-input\">.*?</details>", chapter, re.S)
    assert fold and "Show a solution" in fold[0] and ">42<" in fold[0]
    assert "Toggle hidden content" not in chapter, "the visible text is the better name"


def test_figure_has_caption_and_alternative_text(chapter: str) -> None:
    assert 'alt="One blue point."' in chapter
    assert re.search(r"caption-text\">.*A point\.", chapter)
    assert re.search(r'caption-number">Figure 4\.1 ', chapter), "figures are numbered by chapter"


def test_downloaded_notebook_is_the_stored_one(sample_book: Path, sample_site: Path) -> None:
    name = f"{CHAPTER}.ipynb"
    served = (sample_site / "_sources" / "notebooks" / name).read_bytes()
    assert served == (sample_book / "notebooks" / name).read_bytes()


def test_addresses_give_colab_repository_and_sitemap(chapter: str, sample_site: Path) -> None:
    path = f"github/someone/course/blob/main/notebooks/{CHAPTER}.ipynb"
    assert f"https://colab.research.google.com/{path}" in chapter
    assert "https://github.com/someone/course/issues/new" in chapter
    page = f"https://course.example.org/v1/notebooks/{CHAPTER}.html"
    assert page in (sample_site / "sitemap.xml").read_text(encoding="utf-8")
    assert f'<link rel="canonical" href="{page}"' in chapter
    intro = (sample_site / "book" / "intro.html").read_text(encoding="utf-8")
    assert "colab.research" not in intro


def test_ledger_status_and_path_come_from_stored_results(sample_site: Path) -> None:
    ledger = (sample_site / "book" / "claims.html").read_text(encoding="utf-8")
    assert "1 supported" in ledger and "34 not yet tested" in ledger
    assert "+12.5 (+10 to +15, 95%, n = 3)" in ledger
    status = (sample_site / "book" / "status.html").read_text(encoding="utf-8")
    assert "A sample chapter" in status and "fresh" in status
    assert "7 min" in (sample_site / "book" / "intro.html").read_text(encoding="utf-8")


@pytest.fixture
def copy(sample_book: Path, tmp_path: Path) -> Path:
    """The sample book without what was built from it."""
    ignore = shutil.ignore_patterns("_build")
    return Path(shutil.copytree(sample_book, tmp_path / "book", ignore=ignore))


def test_code_that_differs_from_the_outputs_fails_the_build(copy: Path) -> None:
    notebook = make_notebook()
    notebook.cells[1].source = "print(7 * 7)"
    write_notebook(copy, notebook)
    write_results(copy, make_results(shift=1.25))
    done = build(copy, copy)
    assert done.returncode != 0
    assert "outputs do not match the code" in done.stderr
    ledger = copy / "_build" / "html" / "book" / "claims.html"
    assert "+13.8 (" in ledger.read_text(encoding="utf-8")


def test_a_new_chapter_says_that_it_was_not_executed(copy: Path) -> None:
    from mmlib_book.card import card_html
    from mmlib_book.notebook import prepare

    notebook = make_notebook()
    del notebook.metadata["mmlib"]
    prepare(notebook)
    assert "Not yet executed" in notebook.cells[0].source
    assert card_html(None) in notebook.cells[0].source
