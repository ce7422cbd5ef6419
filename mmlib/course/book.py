"""The book's folders and notebooks, read and written as plain JSON in Jupyter's own layout."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def find_root(start: str | os.PathLike[str] | None = None) -> Path:
    """The repository's root: the nearest folder upwards that is a book.

    It holds ``book`` and, beside it, ``notebooks`` or ``_toc.yml``.

    Raises:
        ValueError: there is none.
    """
    here = Path(start or Path.cwd()).resolve()
    for parent in (here, *here.parents):
        chapters = (parent / "notebooks").is_dir() or (parent / "_toc.yml").is_file()
        if chapters and (parent / "book").is_dir():
            return parent
    raise ValueError(
        f"no book in {str(here)!r} or above it: run this in the repository, or name it with --root"
    )


def find_chapters(root: Path, only: Sequence[str] = ()) -> list[Path]:
    """The chapters' notebooks in order, all of them or those whose name starts as asked.

    Raises:
        ValueError: a name in ``only`` fits no chapter.
    """
    chapters = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not only:
        return chapters
    for wanted in only:
        if not any(path.stem.startswith(wanted) for path in chapters):
            known = ", ".join(path.stem for path in chapters) or "none"
            raise ValueError(f"no chapter starts with {wanted!r}; there are: {known}")
    return [path for path in chapters if path.stem.startswith(tuple(only))]


def results_path(root: Path, chapter: str) -> Path:
    """The file of a chapter's published results."""
    return root / "book" / "results" / f"{chapter}.json"


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook as it is stored.

    Raises:
        ValueError: it is no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} is damaged ({error}): restore it") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError(f"{path.name} is no notebook: it has no cells")
    return notebook


def notebook_text(notebook: dict[str, Any]) -> str:
    """A notebook as Jupyter writes it, so that a save changes only what was changed.

    The order of keys is kept as it was read; the sources' form (one string or lines) as well.
    """
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def cell_source(cell: dict[str, Any]) -> str:
    """A cell's text, which the format stores as one string or as a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def set_source(cell: dict[str, Any], text: str) -> None:
    """Change a cell's text in the form in which it was stored."""
    lines = isinstance(cell.get("source"), list)
    cell["source"] = text.splitlines(keepends=True) if lines else text


def run_card(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """The run card in a notebook's metadata; None before its first published execution."""
    card = notebook.get("metadata", {}).get("mmlib", {}).get("run_card")
    return card if isinstance(card, dict) else None


def cell_tags(cell: dict[str, Any]) -> list[str]:
    """A cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))
