"""How to cite a chapter, from ``CITATION.cff``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

BASE = "https://course.example.org/v1/"
CFF = {
    "title": "A course",
    "authors": [{"name": "The group"}, {"given-names": "Ada", "family-names": "Byron"}],
    "version": 1.5,
    "date-released": "2026-02-03",
}


def write_citation(folder: Path, data: dict[str, Any]) -> Path:
    (folder / "CITATION.cff").write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


def test_citation_as_text_and_bibtex(tmp_path: Path) -> None:
    from mmlib_book.chapters import Chapter
    from mmlib_book.citation import bibtex, load_citation, plain_text

    citation = load_citation(write_citation(tmp_path, CFF))
    chapter = Chapter(4, "CLIP", notebook=Path("04_clip.ipynb"))
    text = "The group, Ada Byron (2026). R&D. Chapter 4 of A course, version 1.5."
    assert plain_text(citation, chapter, "R&D", "") == text
    assert plain_text(citation, chapter, "R&D", BASE) == f"{text} {BASE}"
    entry = bibtex(citation, chapter, "R&D", "")
    assert entry.startswith("@misc{mmlib-04_clip,\n  author = {{The group} and {Ada Byron}},")
    assert "title = {{R\\&D}}," in entry and "url" not in entry
    assert f"url = {{{BASE}}}," in bibtex(citation, chapter, "R&D", BASE)
    assert entry.count("{") == entry.count("}")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"version": None}, "no version"), ({"authors": [{"alias": "x"}]}, "without a name")],
)
def test_an_incomplete_citation_file_is_named(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    from mmlib_book.citation import load_citation

    with pytest.raises(ValueError, match=message):
        load_citation(write_citation(tmp_path, {**CFF, **change}))
