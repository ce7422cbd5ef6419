"""The changelog's *Changed numbers* on the site: each with links, or that there are none."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from mmlib.course.changelog import HEADING, Change, read_change
from mmlib.course.prose import marked_numbers

PAGE = "CHANGELOG"
SECTION = re.compile(rf"^(?P<head>#+ {HEADING}\n)(?P<body>.*?)(?P<end>^#|\Z)", re.S | re.M)


def _item(change: Change, pages: set[str]) -> str:
    page = PurePosixPath(change.file).with_suffix("").as_posix()
    place = f"[{change.file}](/{change.file})" if page in pages else change.file
    why = f" {change.why[0].upper()}{change.why[1:]}." if change.why else ""
    return f"- **{change.old} became {change.new}:** `{change.id}` in {place}, {change.day}.{why}"


def section(body: str, pages: set[str], numbers: int) -> str:
    """What the site shows under the heading for the text of one version.

    Raises:
        ValueError: a line of the section cannot be read.
    """
    lines = [line for line in body.splitlines() if line.startswith("- ")]
    if lines:
        return "\n".join(_item(read_change(line), pages) for line in lines)
    return (
        f"None. The text of the course shows {numbers:,} numbers and verdicts from stored results, "
        "and no later run has changed one of them."
    )


def to_site(page: str, pages: set[str], numbers: int) -> str:
    """The changelog as the site shows it."""

    def rewrite(match: re.Match[str]) -> str:
        return f"{match['head']}\n{section(match['body'], pages, numbers)}\n\n{match['end']}"

    return SECTION.sub(rewrite, page)


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == PAGE:
        pages = set(app.env.found_docs)
        source[0] = to_site(source[0], pages, marked_numbers(Path(app.srcdir)))


def _outdated(app: Sphinx, env: BuildEnvironment, *_changed: set[str]) -> list[str]:
    return [PAGE] if PAGE in env.found_docs else []


def setup(app: Sphinx) -> None:
    """Connect to the reading of the changelog."""
    app.connect("source-read", _on_read)
    app.connect("env-get-outdated", _outdated)
