"""The claims ledger: every claim with its test, its verdict, and where both come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from .boxes import ledger_label
from .chain import Statement, read_chain, stands_for_the_claim
from .chapters import load_chapters
from .claims import (
    Claim,
    all_results,
    boxed_claims,
    known_verdicts,
    load_claims,
    load_results,
    overall,
)
from .evidence import effect_names, evidence, explains
from .marks import badge, effect_drawing, effect_text, kind_of, sign
from .stored import results_anchor
from .tiles import WORDS, counts, statuses, tile_rows

Stored = Mapping[str, Mapping[str, Any]]


def _statement(part: Statement) -> str:
    return (
        f'<li class="mm-is-{kind_of(part.status)}"><span>{escape(part.name)}</span> '
        f'<span class="mm-number">{escape(part.effect)}</span> {badge(part.status)}</li>'
    )


def _text(parts: list[Statement], note: str, heading: str) -> str:
    """What was measured: a list of statements, or the sentence of a text of another form."""
    if not parts:
        return f"<p><strong>{heading}.</strong> {escape(note)}</p>"
    listed = "".join(_statement(part) for part in parts)
    after = f"<p>{escape(note)}</p>" if note else ""
    return f'<p><strong>{heading}</strong></p><ul class="mm-parts">{listed}</ul>{after}'


def _source(claim: Claim, stored: Stored) -> str:
    first, *second = [
        f"<code>{escape(name)}</code>" if isinstance(name, str) else f"{name:.4g}"
        for name in effect_names(claim, stored)
    ]
    if not second:
        return f"It is the mean of {first}."
    return f"It is {first} minus {second[0]}, seed by seed."


def _effect(verdict: Mapping[str, Any], parts: list[Statement], source: str) -> str:
    effect = verdict["effect"]
    if not effect:
        return ""
    part = stands_for_the_claim(parts, effect["mean"])
    of = f" of “{escape(part.name)}”" if part and len(parts) > 1 else ""
    return (
        f'<div class="mm-effect"><p><strong>Effect</strong>{of}: '
        f'<span class="mm-number">{effect_text(effect)}</span></p>{effect_drawing(effect)}'
        f"{source and f'<p>{source}</p>'}</div>"
    )


def _measured(claim: Claim, verdict: Mapping[str, Any], several: bool, stored: Stored) -> str:
    """One stored verdict as HTML; ``several`` when the claim has more than one."""
    parts, note = read_chain(verdict["text"])
    heading = "Measured" + (f" {verdict['claim']}, {verdict['status']}" if several else "")
    run = escape(f"Tier {verdict['tier']}, {verdict['device']}.")
    told = verdict["effect"] and explains(claim, verdict["effect"], stored)
    effect = _effect(verdict, parts, _source(claim, stored) if told else "")
    return (
        f'<div class="mm-measured">{_text(parts, note, heading)}{effect}'
        f'<p class="mm-run">{run}</p></div>'
    )


def _links(claim: Claim, box: str | None, results: Stored) -> str:
    links = [f"{{ref}}`To the experiment <{box}>`"] if box else []
    if results:
        address = f"results.html#{results_anchor(claim.id)}"
        links.append(f'<a href="{address}">Stored results of {claim.id} ({len(results)})</a>')
    return " · ".join(links)


def entry(claim: Claim, verdicts: list[dict[str, Any]], box: str | None, results: Stored) -> str:
    """One claim as Markdown.

    Args:
        claim: of the article.
        verdicts: that were stored on it; most have one.
        box: the label of its box in a chapter, if there is one.
        results: the stored results that belong to it.
    """
    status = overall(verdicts)
    measured = [_measured(claim, v, len(verdicts) > 1, results) + "\n" for v in verdicts]
    lines = [
        f"({ledger_label(claim.id)})=",
        f"::::{{div}} mm-entry mm-is-{kind_of(status)}",
        f"**{claim.id}** {badge(status)}\n",
        f"{claim.says}\n",
        f"**Test.** {claim.test}\n",
        *measured,
        _links(claim, box, results),
        "::::\n",
    ]
    return "\n".join(lines)


def filters(root: Path) -> str:
    """Check boxes that show or hide the entries of a verdict, by style sheet alone."""
    boxes = "".join(
        f'<label><input type="checkbox" id="mm-show-{kind}" checked> '
        f"{sign(kind)} {WORDS[kind]} ({n})</label>"
        for kind, n in counts(statuses(root)).items()
        if n
    )
    return (
        f'<fieldset class="mm-filter"><legend>Show the claims that are</legend>{boxes}</fieldset>'
    )


def ledger(root: Path) -> str:
    """The claims ledger as Markdown.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list, or a
            judged claim has no stored result.
    """
    claims, boxes, content = load_claims(root), boxed_claims(root), load_results(root)
    known, stored = known_verdicts(claims, content), all_results(content)
    found = evidence(claims, stored, known)
    count = Counter(overall(known.get(claim.id, [])) for claim in claims)
    summary = ", ".join(f"{number} {status}" for status, number in count.most_common())
    text = [f"**{len(claims)} claims:** {summary}.", "", tile_rows(root), "", filters(root), ""]
    for chapter in load_chapters(root):
        text += [f"## Chapter {chapter.number}: {chapter.title}", ""]
        for claim in (claim for claim in claims if claim.chapter == chapter.number):
            own = {name: stored[name] for name in found[claim.id]}
            text.append(entry(claim, known.get(claim.id, []), boxes.get(claim.id), own))
    return "\n".join(text)
