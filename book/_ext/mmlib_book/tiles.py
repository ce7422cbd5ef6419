"""All verdicts at a glance: one small tile a claim, one row a chapter."""

from __future__ import annotations

from collections import Counter
from html import escape
from pathlib import Path

from .boxes import ledger_label
from .chapters import Chapter, load_chapters
from .claims import Claim, known_verdicts, load_claims, load_results, overall
from .marks import SIGNS, kind_of, sign

WORDS = {kind: "not tested" if kind == "untested" else kind for kind in SIGNS}


def statuses(root: Path) -> dict[Claim, str]:
    """The status of every claim, in order.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list.
    """
    claims = load_claims(root)
    known = known_verdicts(claims, load_results(root))
    return {claim: overall(known.get(claim.id, [])) for claim in claims}


def counts(found: dict[Claim, str]) -> dict[str, int]:
    """How many claims came out in each of the four ways, none left out."""
    number = Counter(kind_of(status) for status in found.values())
    return {kind: number[kind] for kind in SIGNS}


def _tile(claim: Claim, status: str) -> str:
    kind = kind_of(status)
    name = escape(f"{claim.id}, {status}: {claim.says}")
    return (
        f'<li><a class="mm-tile mm-is-{kind}" href="claims.html#{ledger_label(claim.id)}" '
        f'aria-label="{name}" title="{name}">{sign(kind)}<span>{claim.id}</span></a></li>'
    )


def _row(chapter: Chapter, found: dict[Claim, str]) -> str:
    name = escape(f"{chapter.number}. {chapter.title}")
    summary = ", ".join(f"{n} {WORDS[kind]}" for kind, n in counts(found).items() if n)
    tiles = "".join(_tile(claim, status) for claim, status in found.items())
    return (
        f'<div class="mm-tile-row"><p>{name} <span class="mm-tile-count">{summary}</span></p>'
        f'<ul aria-label="Claims of chapter {chapter.number}">{tiles}</ul></div>'
    )


def tile_rows(root: Path) -> str:
    """The rows of tiles as HTML, each row with a summary; for a page in the folder ``book``.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list.
    """
    found = statuses(root)
    rows = [
        _row(chapter, {c: s for c, s in found.items() if c.chapter == chapter.number})
        for chapter in load_chapters(root)
    ]
    return f'<div class="mm-tiles">{"".join(rows)}</div>'


def verdict_tiles(root: Path) -> str:
    """The tiles of all claims with a legend that counts them; for a page in the folder ``book``.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list.
    """
    legend = "".join(
        f'<li><span class="mm-tile mm-is-{kind}">{sign(kind)}</span> {n} {WORDS[kind]}</li>'
        for kind, n in counts(statuses(root)).items()
    )
    return f'<ul class="mm-legend" aria-label="Verdicts">{legend}</ul>{tile_rows(root)}'
