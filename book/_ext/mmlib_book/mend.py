"""Small repairs of the finished HTML, where the theme gives no setting.

* the theme's ``fontawesome.js`` (1.5 MB, blocks rendering) goes: the icons come from CSS too;
* buttons that hold only an icon get an accessible name, a ``<summary>`` keeps its visible one;
* table headers without text become plain cells; a table, which may scroll, can take the focus;
* the sidebar is a named region, an entry of the bibliography an item of its list;
* three ``viewport`` elements become one.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

ATTRIBUTES = r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*"
REPAIRS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"<script[^>]*fontawesome\.js[^>]*></script>\s*"), ""),
    (re.compile(r"<link[^>]*fontawesome\.js[^>]*/?>\s*"), ""),
    (re.compile(r"<script[^>]*sphinx-thebe\.js[^>]*></script>\s*"), ""),
    (re.compile(r"<script>const THEBE_JS_URL[^<]*</script>\s*"), ""),
    (re.compile(r"<link[^>]*sphinx-thebe\.css[^>]*/?>\s*"), ""),
    (re.compile(r'<meta name="viewport"[^>]*>\s*(?=.*<meta name="viewport")', re.S), ""),
    (re.compile(rf"<th({ATTRIBUTES})>(?:\s|<p>\s*</p>)*</th>"), r"<td\1></td>"),
    (
        re.compile(r'(<div class="sidebar-primary-items__start sidebar-primary__section")>'),
        r'\1 role="region" aria-label="Course">',
    ),
    (re.compile(r"<table(?![^>]*tabindex)([^>]*)>"), r'<table\1 tabindex="0">'),
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    (
        re.compile(r'(<button(?![^>]*aria-label)[^>]*class="[^"]*search-button[^"]*")'),
        r'\1 aria-label="Search"',
    ),
    (
        re.compile(r'(<button(?![^>]*aria-label)[^>]*class="[^"]*theme-switch-button[^"]*")'),
        r'\1 aria-label="Colour mode"',
    ),
]


def mend(html: str) -> str:
    """Apply every repair to one page; applying them again changes nothing."""
    for pattern, replacement in REPAIRS:
        html = pattern.sub(replacement, html)
    return html


def _on_finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        old = page.read_text(encoding="utf-8")
        if (new := mend(old)) != old:
            page.write_text(new, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to the end of the build."""
    app.connect("build-finished", _on_finish)
