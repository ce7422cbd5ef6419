"""Small repairs of the scripts of theme and search, once they are copied into the site.

* a click on a button of the header took the focus away: with the keyboard, the colour mode could
  be changed once only, and a closed menu of a phone left the reader at the top of the page;
* a site opened from a disk may not read its own pages: the search then lists titles alone, and no
  longer fails to fetch an excerpt of each;
* a result that leads to a place without text of its own (the anchor of a glossary entry) has no
  excerpt, and the search failed where it put that excerpt in.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

REPAIRS = (
    (
        "searchtools.js",
        'if (text === "") return null;',
        'if (text === "") return document.createTextNode("");',
    ),
    ("scripts/sphinx-book-theme.js", "t.blur()", "void 0"),
    (
        "documentation_options.js",
        "SHOW_SEARCH_SUMMARY: true",
        'SHOW_SEARCH_SUMMARY: location.protocol !== "file:"',
    ),
)


def repair(static: Path) -> None:
    """Apply the repairs to the scripts in a site's ``_static``; again changes nothing.

    Raises:
        ValueError: a script has changed and holds neither the old text nor the new one.
    """
    for name, old, new in REPAIRS:
        path = static / name
        text = path.read_text(encoding="utf-8")
        if old not in text and new not in text:
            raise ValueError(f"{name} no longer holds {old!r}: see whether its repair is needed")
        path.write_text(text.replace(old, new), encoding="utf-8")


def _on_finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        repair(Path(app.outdir) / "_static")


def setup(app: Sphinx) -> None:
    """Connect to the end of the build, before anything is written from these scripts."""
    app.connect("build-finished", _on_finish, priority=100)
