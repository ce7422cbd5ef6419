"""All stored results as tables: one fold a claim, one more for the rest of each chapter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from .boxes import ledger_label
from .chapters import Chapter, load_chapters
from .claims import all_results, known_verdicts, load_claims, load_results
from .evidence import evidence

COLUMNS = ("result", "mean", "least to largest", "a further run", "n", "unit", "values, by seed")


def results_anchor(name: str) -> str:
    """The anchor of a claim's (``C4.1``) or a chapter's (``chapter 4``) table of results."""
    return "results-" + name.lower().replace(".", "-").replace(" ", "-")


def number(value: float | None) -> str:
    """Four digits, or all digits before the point: ``37``, ``0.06667``, ``24,576``."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def values(result: Mapping[str, Any]) -> str:
    """The single values, each with its seed when the seeds differ."""
    seeds = result["seeds"]
    if len(set(seeds)) < len(seeds):  # repeated with one seed: timings, requirements
        return ", ".join(number(value) for value in result["values"])
    pairs = zip(seeds, result["values"], strict=True)
    return ", ".join(f"{seed}: {number(value)}" for seed, value in pairs)


def row(name: str, result: Mapping[str, Any]) -> str:
    """One result as a row of the table."""
    note = f"<br>{escape(result['note'])}" if result["note"] else ""
    span = f"{number(result['minimum'])} to {number(result['maximum'])}"
    band = f"{number(result['low'])} to {number(result['high'])}"
    if result["low"] is None:
        band = "–"
    cells = [number(result["mean"]), span, band, result["n"], escape(result["unit"])]
    told = "".join(f"<td>{cell}</td>" for cell in [*cells, values(result)])
    return f'<tr><th scope="row">{escape(name)}{note}</th>{told}</tr>'


def fold(anchor: str, title: str, rows: Mapping[str, Mapping[str, Any]], after: str = "") -> str:
    """A table under a line that opens it; a link to ``anchor`` opens it too."""
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    body = "".join(row(name, result) for name, result in rows.items())
    return (
        f'<details class="mm-stored"><summary>{title} ({len(rows)})</summary>'
        f'<div id="{anchor}">{after}<table class="table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></details>"
    )


def _claims_of(
    root: Path, chapter: Chapter, everything: Mapping[str, Any], found: Mapping[str, list[str]]
) -> Iterable[str]:
    for claim in load_claims(root):
        if claim.chapter == chapter.number and found[claim.id]:
            address = f"claims.html#{ledger_label(claim.id)}"
            link = f'<p><a href="{address}">{claim.id} in the ledger</a></p>'
            rows = {name: everything[name] for name in found[claim.id]}
            title = f"<strong>{claim.id}</strong> {escape(claim.says)}"
            yield fold(results_anchor(claim.id), title, rows, link)


def stored_results(root: Path) -> str:
    """Every stored result as Markdown with tables.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list, or a
            judged claim has no stored result.
    """
    claims, results = load_claims(root), load_results(root)
    everything = all_results(results)
    found = evidence(claims, everything, known_verdicts(claims, results))
    used = {name for names in found.values() for name in names}
    text = []
    for chapter in load_chapters(root):
        if chapter.stem not in results:
            continue
        own = results[chapter.stem]["results"]
        text += [f"## Chapter {chapter.number}: {chapter.title}", ""]
        file = f"{chapter.stem}.json"
        text += [f"{len(own)} results in {{download}}`{file} <results/{file}>`.", ""]
        for table in _claims_of(root, chapter, everything, found):
            text += [table, ""]
        if rest := {name: result for name, result in own.items() if name not in used}:
            anchor = results_anchor(f"chapter {chapter.number}")
            text += [fold(anchor, "Results that belong to no single claim", rest), ""]
    return "\n".join(text) or "No chapter has stored a result yet."
