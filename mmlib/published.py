"""Finding and reading what the book has published: one JSON file of results a chapter.

The files are in ``book/results`` of the repository. They are found through ``MMLIB_RESULTS`` or by
walking up from the working directory; where only the package is installed there are none.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

RESULTS_VARIABLE = "MMLIB_RESULTS"


def results_dir(start: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder of published results, or None when none is in reach.

    Raises:
        ValueError: ``MMLIB_RESULTS`` names something that is not a folder.
    """
    named = os.environ.get(RESULTS_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise ValueError(
                f"{RESULTS_VARIABLE}={named!r} is no folder: name the book's results folder, "
                "or unset it"
            )
        return folder
    here = Path(start or Path.cwd()).resolve()
    for parent in (here, *here.parents):
        if (parent / "book" / "results").is_dir():
            return parent / "book" / "results"
    return None


def load_file(path: Path) -> dict[str, Any]:
    """Read one results file.

    Raises:
        ValueError: it is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"the results file {path.name} cannot be read ({error}); restore it from version "
            "control or execute the chapter again"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"the results file {path.name} holds no JSON object; restore it")
    return content


def load_all(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """All published chapters: ``{"04_clip": {...}}``; empty when there are none in reach."""
    folder = folder or results_dir()
    if folder is None:
        return {}
    return {path.stem: load_file(path) for path in sorted(folder.glob("*.json"))}


def load_chapter(chapter: str, folder: Path | None = None) -> dict[str, Any] | None:
    """The published file of one chapter, named in full (``04_clip``) or by number (``04``)."""
    folder = folder or results_dir()
    if folder is None:
        return None
    exact = folder / f"{chapter}.json"
    found = [exact] if exact.is_file() else sorted(folder.glob(f"{chapter}_*.json"))
    return load_file(found[0]) if len(found) == 1 else None
