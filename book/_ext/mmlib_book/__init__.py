"""The course's own Sphinx extension: what Jupyter Book and its theme cannot do.

=============  =================================================================================
``site``       repository and site address from the environment; unused scripts left out
``boxes``      plain Markdown of notebooks (``> **Key idea.** ...``, ``<details>``) into boxes
``notebook``   reads a chapter: its title, code, run card; inserts the card, folds solutions
``head``       time, needs and downloads under a chapter's title
``citation``   how to cite a chapter, from ``CITATION.cff``
``metadata``   descriptions, citation tags, Open Graph, icons; ``linked`` makes the JSON-LD
``addresses``  the front door, ``sitemap.xml``, ``robots.txt``
``missing``    ``404.html``
``chapters``   what the site says about each chapter (``book/chapters.yml``)
``generated``  puts what is made from stored results into the pages, by these modules:
``claims``     the article's claims, the stored verdicts and results
``evidence``   which stored results a claim rests on, and how its effect comes from them
``chain``      a verdict's text as a list of statements
``marks``      badges and drawings of verdicts and effects
``ledger``     the claims ledger
``tiles``      all verdicts at a glance, for the landing page and the ledger
``stored``     the page of all stored results
``runs``       the status page
``path``       the path through the chapters
``figures``    figures numbered by chapter
``landing``    the landing page's cards, from the chapters' figures and results
``references`` which paper is cited where; ``bibliography`` the look of that page
``changes``    the changelog's changed numbers, with links
``errata``     the errata of the article, counted and laid out; links from the claims
``glossary``   its terms, and its page; ``glossary_links``: the links from the chapters
``mend``       small repairs of the finished HTML: accessible names, unused scripts
``theme_js``   small repairs of the theme's scripts: the focus stays, search works from a disk
``lighten``    fast pages: ``pictures``, ``scripts``, one ``stylesheet`` with its ``icons``
=============  =================================================================================
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from . import (
    addresses,
    bibliography,
    changes,
    errata,
    figures,
    generated,
    glossary_links,
    head,
    landing,
    lighten,
    mend,
    metadata,
    missing,
    notebook,
    site,
    theme_js,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension."""
    read = (site, notebook, head, figures, generated, landing)
    more = (bibliography, changes, errata, glossary_links)
    for part in (*read, *more, metadata, missing, addresses, mend, theme_js):
        part.setup(app)
    lighten.setup(app)
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    # Pages that an older version of this extension has read are read again.
    return {
        "version": "1",
        "env_version": zlib.crc32(code),
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
