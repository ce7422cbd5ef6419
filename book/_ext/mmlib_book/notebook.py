"""A chapter on its way into the site: its boxes, its head, its run card, its folded solutions.

Only the copy that Sphinx reads is changed; the notebook that a reader downloads stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from mmlib.course.book import cell_source, find_chapters, results_path, run_card
from mmlib.course.status import chapter_status
from mmlib.published import load_all, load_file

from .boxes import to_boxes
from .card import card_html
from .chapters import Chapter, chapter_name, chapter_of, load_chapters
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


def _inputs(root: Path, path: Path) -> set[str]:
    """The files beside a chapter's notebook from which its two ends are made, those that exist."""
    files = (results_path(root, path.stem), student_path(path), root / "book" / "chapters.yml")
    return {str(file) for file in files if file.is_file()}


def _head_and_foot(
    app: Sphinx, chapter: Chapter, chapters: list[Chapter], title: str
) -> tuple[str, str]:
    """What the site adds to a chapter at its two ends."""
    root = Path(app.srcdir)
    stored = results_path(root, chapter.stem)
    published = load_file(stored) if stored.is_file() else {}
    address = Place(app.config.html_baseurl).identity(chapter_page(chapter)).get("url", "")
    fold = cite_fold(load_citation(root), chapter, chapter_name(title), address)
    return head_html(root, chapter, chapters, published), fold


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    root, path = Path(app.srcdir), Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        return
    chapters = load_chapters(root)
    chapter = chapter_of(docname, chapters)
    if chapter is None:
        raise ValueError(
            f"{docname}.ipynb is no chapter: name it notebooks/NN_name.ipynb, with an entry of "
            "that number in book/chapters.yml"
        )
    for used in _inputs(root, path):
        app.env.note_dependency(used)
    status = chapter_status(path, load_all(root / "book" / "results"))
    if status.broken:
        logger.warning(
            f"{status.state}: run 'make execute ONLY={path.stem}'",
            location=docname,
            type="mmlib",
            subtype="stale",
        )
    notebook = json.loads(source[0])
    prepare(notebook, *_head_and_foot(app, chapter, chapters, chapter_title(notebook)))
    source[0] = json.dumps(notebook)


def _outdated(app: Sphinx, env: BuildEnvironment, *_changed: set[str]) -> list[str]:
    """Chapters that got a file since they were read, and those to warn of at every build.

    Sphinx itself sees that a file has changed or gone.
    """
    root = Path(app.srcdir)
    published = load_all(root / "book" / "results")
    pages = {f"notebooks/{path.stem}": path for path in find_chapters(root)}
    return [
        name
        for name, path in pages.items()
        if name in env.found_docs
        and (_inputs(root, path) - env.dependencies[name] or chapter_status(path, published).broken)
    ]


def setup(app: Sphinx) -> None:
    """Connect to the reading of each page."""
    app.connect("source-read", _on_read)
    app.connect("env-get-outdated", _outdated)
