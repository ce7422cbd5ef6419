"""A second build reads again what has changed, and nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .sample import CHAPTER, build, make_results, write_book, write_results

PAGE = f"notebooks/{CHAPTER}"


@pytest.fixture(scope="module")
def book(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample book in a folder whose name is not plain, without its students' notebook."""
    folder = tmp_path_factory.mktemp("un libro à part")
    write_book(root, folder)
    shutil.rmtree(folder / "notebooks" / "student")
    again(folder)
    return folder


def again(book: Path, **environment: str) -> set[str]:
    """Build; gives the pages that were read."""
    done = build(book, book, **environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    return set(re.findall(r"reading sources\.\.\. \[ *\d+%\] (\S+)", plain))


def chapter_page(book: Path) -> str:
    return (book / "_build" / "html" / f"{PAGE}.html").read_text(encoding="utf-8")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_build_reads_again_what_changed(book: Path) -> None:
    assert PAGE not in again(book)
    assert "Student notebook" not in chapter_page(book)
    assert "In the errata" not in chapter_page(book)

    student = book / "notebooks" / "student" / f"{CHAPTER}.ipynb"
    student.parent.mkdir()
    shutil.copy(book / f"{PAGE}.ipynb", student)
    change(book / "book" / "errata.md", "Claim: C4.2.", "Claim: C4.5.")
    results = make_results()
    results["timings"]["cpu"]["wall_s"] = 3660.0
    write_results(book, results)
    assert PAGE in again(book, MMLIB_SITE_URL="https://example.org/sub")
    page = chapter_page(book)
    assert "Student notebook" in page and "1 h 01 min at tier cpu" in page
    assert "In the errata" in page
    assert "url = {https://example.org/sub/notebooks/" in re.sub(r"<[^>]+>", "", page)
