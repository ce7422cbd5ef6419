"""``404.html``, which a host shows for any address that leads nowhere.

It is shown below every path, so each address in it starts at the site's root: ``/``, or the path of
``MMLIB_SITE_URL``.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

from .chapters import load_chapters

NAME = "404"
RELATIVE = re.compile(
    r'(\s(?:href|src|action|data-content_root)=")(?![a-z]+:|[/#])(?:\./)?([^"]*")'
)


def body(root: Path, prefix: str) -> str:
    """The text of the page: what happened, a search, the chapters."""
    links = "".join(
        f'<li><a href="{prefix}notebooks/{chapter.stem}.html">'
        f"{chapter.number}. {escape(chapter.title)}</a></li>"
        for chapter in load_chapters(root)
        if chapter.notebook
    )
    return (
        "<section><h1>This page does not exist</h1>"
        "<p>The address is wrong, or the page has moved. Search the course, or start from one "
        "of its chapters.</p>"
        f'<form class="mm-find" action="{prefix}search.html" method="get" role="search">'
        '<label for="mm-find-words">Words to look for</label>'
        '<input id="mm-find-words" type="search" name="q" autocomplete="off" />'
        '<button type="submit">Search</button></form>'
        f'<h2>Chapters</h2><ul class="mm-plain">{links}</ul>'
        f'<p><a href="{prefix}index.html">Start of the course</a></p></section>'
    )


def rooted(html: str, prefix: str) -> str:
    """The page with every relative address made one from the site's root."""
    return RELATIVE.sub(rf"\g<1>{prefix}\g<2>", html)


def _configure(app: Sphinx, config: Config) -> None:
    prefix = urlsplit(config.html_baseurl).path or "/"
    config.notfound_urls_prefix = prefix
    config.notfound_context = {
        "title": "Page not found",
        "body": body(Path(app.srcdir), prefix),
    }


def _on_finish(app: Sphinx, exception: Exception | None) -> None:
    """The theme's navigation knows nothing of the prefix."""
    page = Path(app.outdir) / f"{NAME}.html"
    if exception is None and app.builder.format == "html":
        html = page.read_text(encoding="utf-8")
        page.write_text(rooted(html, app.config.notfound_urls_prefix), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Load sphinx-notfound-page and connect around it."""
    app.setup_extension("notfound.extension")
    app.connect("config-inited", _configure, priority=200)
    app.connect("build-finished", _on_finish)
