"""Pages written from stored results: nothing on them is typed by hand.

A page in ``book`` holds a comment such as ``<!-- mmlib:claims -->``; the text that replaces it is
made each time the book is built, by the function that ``PLACES`` names for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from . import landing
from .glossary import glossary
from .ledger import ledger
from .path import path_through
from .references import references
from .runs import status
from .stored import stored_results
from .tiles import verdict_tiles

PLACES: dict[str, Callable[[Path], str]] = {
    "<!-- mmlib:claims -->": ledger,
    "<!-- mmlib:verdicts -->": verdict_tiles,
    "<!-- mmlib:results -->": stored_results,
    "<!-- mmlib:status -->": status,
    "<!-- mmlib:path -->": path_through,
    "<!-- mmlib:start -->": landing.start,
    "<!-- mmlib:cards -->": landing.cards,
    "<!-- mmlib:puzzle -->": landing.puzzle,
    "<!-- mmlib:references -->": references,
    "<!-- mmlib:glossary -->": glossary,
}


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    for comment, make in PLACES.items():
        if docname.startswith("book/") and comment in source[0]:
            source[0] = source[0].replace(comment, make(Path(app.srcdir)))


def _outdated(app: Sphinx, env: BuildEnvironment, *_changed: set[str]) -> list[str]:
    """Pages with generated text are read again at every build: results may have changed."""
    return [
        name
        for name in env.found_docs
        if name.startswith("book/")
        and any(mark in Path(env.doc2path(name)).read_text(encoding="utf-8") for mark in PLACES)
    ]


def setup(app: Sphinx) -> None:
    """Connect to the reading of each page."""
    app.connect("source-read", _on_read)
    app.connect("env-get-outdated", _outdated)
