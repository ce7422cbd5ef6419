"""Files for visitors who come to the site's root: the front door, ``sitemap.xml``, ``robots.txt``.

The last two need the site's address (``MMLIB_SITE_URL``). They list what the whole book holds, also
when only some of its pages were built again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from sphinx.application import Sphinx

from mmlib.course.book import find_chapters, read_notebook, run_card

SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
HEAD_TAG = re.compile(
    r"<title>.*?</title>|<meta charset[^>]*>"
    r'|<meta (?:name="(?:viewport|description|twitter:card)"|property="og:)[^>]*>'
    r'|<link rel="(?:canonical|icon|apple-touch-icon)"[^>]*>',
    re.S,
)


def sitemap(address: str, pages: Iterable[str], changed: Mapping[str, str]) -> bytes:
    """The sitemap of all pages, with the date of those in ``changed``."""
    root = ElementTree.Element("urlset", xmlns=SITEMAP)
    for page in sorted(pages):
        entry = ElementTree.SubElement(root, "url")
        ElementTree.SubElement(entry, "loc").text = address + page
        if page in changed:
            ElementTree.SubElement(entry, "lastmod").text = changed[page]
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def executed(root: Path) -> dict[str, str]:
    """The date of each chapter's run, by its page."""
    cards = {path.stem: run_card(read_notebook(path)) for path in find_chapters(root)}
    return {f"notebooks/{stem}.html": card["date"][:10] for stem, card in cards.items() if card}


def front_door(landing: str, page: str) -> str:
    """``index.html``: leads on to the landing page and describes the site as that page does."""
    tags = "\n".join(match[0] for match in HEAD_TAG.finditer(landing))
    tags = tags.replace(f'href="{"../" * page.count("/")}_static/', 'href="_static/')
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{tags}\n'
        f'<meta http-equiv="refresh" content="0; url={page}">\n</head>\n'
        f'<body><main><h1><a href="{page}">To the course</a></h1></main></body>\n</html>\n'
    )


def _on_finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.format != "html":
        return
    site, address = Path(app.outdir), app.config.html_baseurl
    page = app.builder.get_target_uri(app.config.root_doc)
    landing = (site / page).read_text(encoding="utf-8")
    (site / "index.html").write_text(front_door(landing, page), encoding="utf-8")
    if address:
        pages = [app.builder.get_target_uri(name) for name in app.env.found_docs]
        dates = executed(Path(app.srcdir))
        (site / "sitemap.xml").write_bytes(sitemap(address, pages, dates))
        robots = f"User-agent: *\nAllow: /\n\nSitemap: {address}sitemap.xml\n"
        (site / "robots.txt").write_text(robots, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect to the end of the build, before the table of contents writes its own front door."""
    app.connect("build-finished", _on_finish, priority=450)
