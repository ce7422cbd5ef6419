"""A chapter on its way into the site: its boxes, its head, its run card, its folded solutions.

Only the copy that Sphinx reads is changed; the notebook that a reader downloads stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from mmlib.course.book import cell_source, results_path, run_card
from mmlib.course.status import chapter_status
from mmlib.published import load_all, load_file

from .boxes import to_boxes
from .card import card_html
from .chapters import chapter_name, load_chapters
from .citation import FILE as CITATION
from .citation import cite_fold, load_citation
from .head import head_html, student_path
from .linked import Place, chapter_page

logger = logging.getLogger(__name__)


def chapter_title(notebook: dict[str, Any]) -> str:
    """The first heading of a notebook, or an empty string."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in cell_source(cell).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return ""


def _insert_head(notebook: dict[str, Any], head: str) -> None:
    """Put the head and the run card under the first heading."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        lines = cell_source(cell).split("\n")
        for index, line in enumerate(lines):
            if line.startswith("# "):
                lines[index + 1 : index + 1] = ["", head + card_html(run_card(notebook)), ""]
                cell["source"] = "\n".join(lines)
                return


def _without_time(source: str) -> str:
    """A chapter's opening without the paragraph on time and needs: the head has measured ones."""
    paragraphs = source.split("\n\n")
    return "\n\n".join(part for part in paragraphs if not part.lstrip().startswith("**Time.**"))


def _fold_solution(cell: dict[str, Any]) -> None:
    metadata = cell.setdefault("metadata", {})
    tags = metadata.setdefault("tags", [])
    if "solution" in tags:
        if not {"hide-cell", "hide-input"} & set(tags):
            tags.append("hide-cell")
        prompts = metadata.setdefault("mystnb", {})
        prompts.setdefault("code_prompt_show", "Show a solution")
        prompts.setdefault("code_prompt_hide", "Hide the solution")


def prepare(notebook: dict[str, Any], head: str = "", foot: str = "") -> None:
    """Change a notebook in place into what the site shows.

    Args:
        notebook: its content.
        head: HTML for under the title, before the run card. It tells the time and what is needed,
            so the paragraph of the notebook that starts with "**Time.**" is left out.
        foot: Markdown for the end.
    """
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = to_boxes(cell_source(cell))
        elif cell["cell_type"] == "code":
            _fold_solution(cell)
    _insert_head(notebook, head)
    if head:
        opening = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
        opening["source"] = _without_time(cell_source(opening))
    if foot:
        notebook["cells"].append(
            {"cell_type": "markdown", "id": "mm-foot", "metadata": {}, "source": foot}
        )


def _head_and_foot(app: Sphinx, path: Path, title: str) -> tuple[str, str]:
    """What the site adds to a chapter at its two ends; the page is built again when it changes."""
    root = Path(app.srcdir)
    stored = results_path(root, path.stem)
    for used in (stored, student_path(path), root / "book" / "chapters.yml", root / CITATION):
        app.env.note_dependency(str(used))
    chapters = load_chapters(root)
    chapter = next(chapter for chapter in chapters if chapter.stem == path.stem)
    published = load_file(stored) if stored.is_file() else {}
    address = Place(app.config.html_baseurl).identity(chapter_page(chapter)).get("url", "")
    fold = cite_fold(load_citation(root), chapter, chapter_name(title), address)
    return head_html(root, chapter, chapters, published), fold


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return
    status = chapter_status(path, load_all(Path(app.srcdir) / "book" / "results"))
    if status.broken:
        logger.warning(
            f"{status.state}: run 'make execute ONLY={path.stem}'",
            location=docname,
            type="mmlib",
            subtype="stale",
        )
    notebook = json.loads(source[0])
    prepare(notebook, *_head_and_foot(app, path, chapter_title(notebook)))
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> None:
    """Connect to the reading of each page."""
    app.connect("source-read", _on_read)
