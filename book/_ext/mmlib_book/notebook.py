"""A chapter on its way into the site: its boxes, its run card, its folded solutions.

Only the copy that Sphinx reads is changed; the notebook that a reader downloads stays as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from mmlib.course.book import cell_source, run_card
from mmlib.course.status import chapter_status
from mmlib.published import load_all

from .boxes import to_boxes
from .card import card_html

logger = logging.getLogger(__name__)


def chapter_title(notebook: dict[str, Any]) -> str:
    """The first heading of a notebook, or an empty string."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in cell_source(cell).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return ""


def _insert_card(notebook: dict[str, Any]) -> None:
    """Put the run card under the first heading."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        lines = cell_source(cell).split("\n")
        for index, line in enumerate(lines):
            if line.startswith("# "):
                lines[index + 1 : index + 1] = ["", card_html(run_card(notebook)), ""]
                cell["source"] = "\n".join(lines)
                return


def _fold_solution(cell: dict[str, Any]) -> None:
    metadata = cell.setdefault("metadata", {})
    tags = metadata.setdefault("tags", [])
    if "solution" in tags:
        if not {"hide-cell", "hide-input"} & set(tags):
            tags.append("hide-cell")
        prompts = metadata.setdefault("mystnb", {})
        prompts.setdefault("code_prompt_show", "Show a solution")
        prompts.setdefault("code_prompt_hide", "Hide the solution")


def prepare(notebook: dict[str, Any]) -> None:
    """Change a notebook in place into what the site shows."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = to_boxes(cell_source(cell))
        elif cell["cell_type"] == "code":
            _fold_solution(cell)
    _insert_card(notebook)


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
    prepare(notebook)
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> None:
    """Connect to the reading of each page."""
    app.connect("source-read", _on_read)
