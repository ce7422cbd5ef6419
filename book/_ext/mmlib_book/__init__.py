"""The course's own Sphinx extension: what Jupyter Book and its theme cannot do.

=============  =================================================================================
``site``       repository and site address from the environment; unused scripts left out
``boxes``      plain Markdown of notebooks (``> **Key idea.** ...``, ``<details>``) into boxes
``notebook``   reads a chapter: its title, code, run card; inserts the card, folds solutions
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
``mend``       small repairs of the finished HTML: accessible names, unused scripts
=============  =================================================================================
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from . import figures, generated, landing, mend, notebook, site


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension."""
    for part in (site, notebook, figures, generated, landing, mend):
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
