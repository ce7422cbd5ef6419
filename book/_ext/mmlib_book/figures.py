"""Figures are numbered by chapter: the third one of chapter 4 is Figure 4.3, not Figure 41."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

CHAPTER = re.compile(r"notebooks/(\d\d)_")
Numbers = dict[str, dict[str, tuple[int, ...]]]


def number_by_chapter(docname: str, kinds: Numbers) -> Numbers:
    """The numbers of a page's figures (and tables), counted from 1, after the chapter's number."""
    chapter = CHAPTER.match(docname)
    before = (int(chapter[1]),) if chapter else ()
    return {
        kind: {
            label: (*before, index)
            for index, label in enumerate(sorted(labels, key=labels.__getitem__), start=1)
        }
        for kind, labels in kinds.items()
    }


def _renumber(_app: Sphinx, env: BuildEnvironment) -> Iterable[None]:
    """After the environment is stored, so that the next build compares Sphinx's own numbers."""
    for docname, kinds in env.toc_fignumbers.items():
        env.toc_fignumbers[docname] = number_by_chapter(docname, kinds)
    return ()


def setup(app: Sphinx) -> None:
    """Connect to the last step before pages are written."""
    app.connect("env-check-consistency", _renumber)
