"""What the site says about each chapter: ``book/chapters.yml`` and the notebooks beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmlib.course.book import find_chapters


@dataclass(frozen=True)
class Chapter:
    """One chapter: what ``book/chapters.yml`` says, and its notebook if there is one.

    ``summary``, ``figure``, ``needs`` are empty and ``notebook`` is None for a chapter to come;
    ``after`` lists the numbers of the chapters to read before; ``crop`` is the part of the figure
    that a card shows: left, top, right, bottom as shares of its sides, or empty for all of it;
    ``alt`` says what is in that part.
    """

    number: int
    title: str
    summary: str = ""
    figure: str = ""
    needs: str = ""
    crop: tuple[float, ...] = ()
    alt: str = ""
    after: tuple[int, ...] = ()
    notebook: Path | None = None

    @property
    def stem(self) -> str:
        """The notebook's name without its ending (``04_clip``); empty without a notebook."""
        return self.notebook.stem if self.notebook else ""


def load_chapters(root: Path) -> list[Chapter]:
    """All chapters in order; a notebook belongs to the entry with its number.

    Raises:
        ValueError: an entry is incomplete, or a notebook has no entry.
    """
    rows = yaml.safe_load((root / "book" / "chapters.yml").read_text(encoding="utf-8"))
    notebooks = {int(path.name[:2]): path for path in find_chapters(root)}
    chapters = [_chapter(row, notebooks.pop(row.get("number"), None)) for row in rows]
    if notebooks:
        names = ", ".join(path.name for path in notebooks.values())
        raise ValueError(f"book/chapters.yml has no entry for {names}: add its number and title")
    return chapters


def _chapter(row: dict[str, Any], notebook: Path | None) -> Chapter:
    wanted = ("number", "title", *(("summary", "figure", "needs") if notebook else ()))
    wanted += ("alt",) if row.get("crop") else ()
    if missing := [key for key in wanted if not row.get(key)]:
        raise ValueError(f"book/chapters.yml, entry {row}: {', '.join(missing)} missing")
    lists = {key: tuple(row.get(key, ())) for key in ("after", "crop")}
    return Chapter(**{**row, **lists, "notebook": notebook})


def chapter_of(docname: str, chapters: Sequence[Chapter]) -> Chapter | None:
    """The chapter whose page is ``docname``, or None."""
    folder, _, stem = docname.rpartition("/")
    return next((c for c in chapters if c.stem == stem and folder == "notebooks"), None)


def chapter_name(title: str) -> str:
    """A chapter's title without its number."""
    return re.sub(r"^\d+\.\s*", "", title)
