"""What a page says about itself to search engines, citation managers and social media.

Without ``MMLIB_SITE_URL`` a page names no address at all: no ``og:url``, ``og:image`` or ``@id``.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from mmlib.course.book import read_notebook, results_path, run_card
from mmlib.published import load_file

from .chapters import Chapter, chapter_name, chapter_of, load_chapters
from .citation import FILE as CITATION
from .citation import Citation, load_citation
from .linked import Place, course, resource, script

CARD = "_static/social-card.png"
CARD_ALT = (
    "Vision-language models you can run: an executable course. The logo, a similarity matrix "
    "with a bright diagonal, and drawings of eight concepts by two artists."
)
CARD_SIZE = (1200, 630)
# The theme's page colours: a browser paints its own bar with them.
THEME_COLOURS = {"light": "#ffffff", "dark": "#121212"}
ABILITIES = "What you will be able to do"
LONGEST = 200
Context = dict[str, Any]


def sentences(text: str) -> list[str]:
    """A text cut behind full stops, question and exclamation marks."""
    return re.split(r"(?<=[.!?])\s+", " ".join(text.split()))


def shorten(text: str, longest: int = LONGEST) -> str:
    """As many whole sentences of a text as fit, at least one."""
    first, *others = sentences(text)
    for sentence in others:
        if len(first) + 1 + len(sentence) > longest:
            break
        first += f" {sentence}"
    return first


def description(doctree: nodes.document, chapter: Chapter | None = None) -> str:
    """A chapter's summary; else the first sentences of a page's own text, outside boxes, lists and
    tables."""
    if chapter and chapter.summary:
        return chapter.summary
    for paragraph in doctree.findall(nodes.paragraph):
        plain = paragraph.astext().strip()
        if isinstance(paragraph.parent, nodes.section) and plain:
            return shorten(plain)
    return ""


def abilities(doctree: nodes.document) -> list[str]:
    """The sentences after "What you will be able to do", without their full stops."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = paragraph.astext()
        if text.startswith(ABILITIES):
            return [part.rstrip(".") for part in sentences(text[len(ABILITIES) :].lstrip(".: "))]
    return []


def meta(name: str, content: str) -> str:
    """One ``<meta>`` element, or nothing without a content."""
    return f'<meta name="{name}" content="{escape(content)}" />' if content else ""


def _icons(context: Context) -> list[str]:
    """Icons for browsers without SVG and for home screens, and the colour of the browser's bar."""
    small, large = (context["pathto"](f"_static/icon-{side}.png", 1) for side in (48, 180))
    links = [
        f'<link rel="icon" type="image/png" sizes="48x48" href="{small}" />',
        f'<link rel="apple-touch-icon" href="{large}" />',
    ]
    return links + [
        f'<meta name="theme-color" content="{colour}" media="(prefers-color-scheme: {scheme})" />'
        for scheme, colour in THEME_COLOURS.items()
    ]


def citation_tags(citation: Citation, title: str, url: str, *, part: bool) -> list[str]:
    """The tags that citation managers read."""
    return [
        *(meta("author", author) for author in citation.authors),
        *(meta("citation_author", author) for author in citation.authors),
        meta("citation_title", title),
        meta("citation_inbook_title", citation.title if part else ""),
        meta("citation_publication_date", citation.released.replace("-", "/")),
        meta("citation_language", "en"),
        meta("citation_public_url", url),
    ]


def _generated(app: Sphinx, docname: str) -> str:
    """The description of a page without a source."""
    kind = {"search": "Search", "genindex": "Index", "404": "Page not found"}.get(docname, "Page")
    return f"{kind}. {app.config.project}: an executable course."


def _linked_data(app: Sphinx, docname: str, doctree: nodes.document, title: str) -> str:
    """The JSON-LD of the landing page or of a chapter; other pages have none."""
    root, place = Path(app.srcdir), Place(app.config.html_baseurl)
    citation, chapters = load_citation(root), load_chapters(root)
    if docname == app.config.root_doc:
        return script(course(citation, chapters, description(doctree), place))
    chapter = chapter_of(docname, chapters)
    if chapter is None or chapter.notebook is None:
        return ""
    stored = results_path(root, chapter.stem)
    published = load_file(stored) if stored.is_file() else {}
    card = run_card(read_notebook(chapter.notebook))
    published = {**published, "date": card["date"] if card else ""}
    texts = (chapter_name(title), description(doctree, chapter), abilities(doctree))
    return script(resource(citation, chapter, *texts, published, place))


def _before_open_graph(
    app: Sphinx, docname: str, _template: str, context: Context, doctree: nodes.document | None
) -> None:
    """The page's description, which sphinxext-opengraph then uses too."""
    if doctree is None:
        return
    text = description(doctree, chapter_of(docname, load_chapters(Path(app.srcdir))))
    context["metatags"] = f"{context.get('metatags', '')}{meta('description', text)}\n"
    kind = "article" if docname.startswith("notebooks/") else "website"
    own = {"og:type": kind, **({"og:description": text} if text else {})}
    context["meta"] = {**(context.get("meta") or {}), **own}


def _after_open_graph(
    app: Sphinx, docname: str, _template: str, context: Context, doctree: nodes.document | None
) -> None:
    """All other tags; an address in a tag is absolute or absent."""
    tags = _icons(context)
    if doctree is None:
        tags += [meta("robots", "noindex"), meta("description", _generated(app, docname))]
        context["pageurl"] = None  # no canonical address: not a page of its own
    else:
        title = app.env.titles[docname].astext()
        citation = load_citation(Path(app.srcdir))
        part = docname != app.config.root_doc
        if not part:
            context["docstitle"] = ""  # its title is the course's: once is enough
        name = chapter_name(title) if part else citation.title
        page = app.builder.get_target_uri(docname)
        url = Place(app.config.html_baseurl).identity(page).get("url", "")
        tags += citation_tags(citation, name, url, part=part)
        tags.append(_linked_data(app, docname, doctree, title))
    old = context.get("metatags", "")
    if not app.config.html_baseurl:
        old = re.sub(r'<meta property="og:url"[^>]*>\n?', "", old)
    context["metatags"] = old + "\n".join(tag for tag in tags if tag) + "\n"


def _configure(app: Sphinx, config: Config) -> None:
    """The picture for social media, which needs an address."""
    if config.html_baseurl:
        config.ogp_image = config.html_baseurl + CARD
        config.ogp_image_alt = CARD_ALT
        width, height = CARD_SIZE
        config.ogp_custom_meta_tags = [
            f'<meta property="og:image:width" content="{width}" />',
            f'<meta property="og:image:height" content="{height}" />',
            meta("twitter:card", "summary_large_image"),
        ]


def _on_read(app: Sphinx, _docname: str, _source: list[str]) -> None:
    """Every page tells how to cite it."""
    app.env.note_dependency(CITATION)


def setup(app: Sphinx) -> None:
    """Connect: before and after sphinxext-opengraph, which has the default priority 500."""
    app.connect("config-inited", _configure, priority=200)
    app.connect("source-read", _on_read)
    app.connect("html-page-context", _before_open_graph, priority=400)
    app.connect("html-page-context", _after_open_graph, priority=700)
