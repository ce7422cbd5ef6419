"""What stands under a chapter's title: time, what you need, what to read before, downloads."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from mmlib.course.book import find_chapters, results_path
from mmlib.runtime import TIERS, describe_seconds

from .chapters import Chapter

FOLDER = "downloads"


def size_text(size: int) -> str:
    """A file's size as a reader says it: ``12 kB``, ``1.3 MB``."""
    return f"{max(size / 1000, 1):.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"


def times(published: Mapping[str, Any]) -> str:
    """The measured time at each tier, ``40 s at smoke, 8 min at cpu``; empty without one."""
    timings = published.get("timings", {})
    return ", ".join(
        f"{describe_seconds(timings[tier]['wall_s'])} at tier {tier}"
        for tier in TIERS
        if tier in timings
    )


def student_path(notebook: Path) -> Path:
    """Where the student's version of a notebook is, if there is one."""
    return notebook.parent / "student" / notebook.name


def downloads(root: Path, chapter: Chapter) -> list[tuple[str, str, Path]]:
    """The files a reader of a chapter can take away, those that exist.

    Returns:
        What it is, its address from the site's root, and the file itself.
    """
    if chapter.notebook is None:
        return []
    stem, name = chapter.stem, chapter.notebook.name
    student, results = student_path(chapter.notebook), results_path(root, stem)
    files = [
        ("Notebook", f"_sources/notebooks/{name}", chapter.notebook),
        ("Student notebook", f"{FOLDER}/{stem}-student.ipynb", student),
        ("Results as JSON", f"{FOLDER}/{results.name}", results),
    ]
    return [(label, address, path) for label, address, path in files if path.is_file()]


def _before(chapter: Chapter, chapters: Sequence[Chapter]) -> str:
    """Links to the chapters to read before, those to come as plain text."""
    links = []
    for other in chapters:
        if other.number in chapter.after:
            text = escape(f"Chapter {other.number}: {other.title}")
            links.append(f'<a href="{other.stem}.html">{text}</a>' if other.stem else text)
    return ", ".join(links)


def _download_items(root: Path, chapter: Chapter) -> str:
    return "".join(
        f'<li><a href="../{escape(address)}" download="{escape(Path(address).name)}">'
        f"{label}<span>, {size_text(path.stat().st_size)}</span></a></li>"
        for label, address, path in downloads(root, chapter)
    )


def head_html(
    root: Path, chapter: Chapter, chapters: Sequence[Chapter], published: Mapping[str, Any]
) -> str:
    """The block under the title of a chapter in ``notebooks/``, on one line; facts not known are
    left out."""
    facts = [
        ("Time to run", escape(times(published))),
        ("You need", escape(chapter.needs)),
        ("Read before", _before(chapter, chapters)),
    ]
    files = _download_items(root, chapter)
    items = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in facts if text)
    return (
        f'<div class="mm-head"><dl class="mm-head-facts">{items}</dl>'
        f'<ul class="mm-downloads" aria-label="Downloads">{files}</ul></div>'
    )


def copy_downloads(root: Path, site: Path) -> None:
    """Put the results and the students' notebooks into the site."""
    target = site / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    for notebook in find_chapters(root):
        for _, address, path in downloads(root, Chapter(0, "", notebook=notebook)):
            if address.startswith(FOLDER):
                target.mkdir(exist_ok=True)
                shutil.copyfile(path, site / address)


def _on_finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        copy_downloads(Path(app.srcdir), Path(app.outdir))


def setup(app: Sphinx) -> None:
    """Connect to the end of the build."""
    app.connect("build-finished", _on_finish)
