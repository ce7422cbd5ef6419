"""Pages written from stored results: nothing on them is typed by hand.

A page holds a comment such as ``<!-- mmlib:claims -->``; the text that replaces it is made here
each time the book is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from mmlib.course.book import cell_source, find_chapters, read_notebook
from mmlib.course.status import book_status
from mmlib.published import load_all
from mmlib.runtime import TIERS, describe_seconds

from . import landing
from .boxes import LETTERS, claim_label, claims_in, ledger_label
from .chapters import load_chapters
from .notebook import chapter_title

UNTESTED = "not yet tested"
Found = Mapping[str, list[dict[str, Any]]]


def load_claims(root: Path) -> list[dict[str, str]]:
    """The article's claims: ``id``, what it ``says``, and the ``test``."""
    return yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))


def verdicts(results: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Every stored verdict by claim (``C4.1a`` and ``C4.1b`` under ``C4.1``), with its device."""
    found: dict[str, list[dict[str, Any]]] = {}
    for content in results.values():
        for part, verdict in sorted(content.get("verdicts", {}).items()):
            entry = {**verdict, "claim": part, "device": content["device"]}
            found.setdefault(part.rstrip(LETTERS), []).append(entry)
    return found


def overall(parts: list[dict[str, Any]]) -> str:
    """One status for a claim: that of its parts when they agree, else ``mixed``."""
    statuses = {part["status"] for part in parts}
    return statuses.pop() if len(statuses) == 1 else "mixed" if statuses else UNTESTED


def boxed_claims(root: Path) -> dict[str, str]:
    """For each claim, the label of the first box in a chapter that shows it or a part of it."""
    boxes: dict[str, str] = {}
    for path in find_chapters(root):
        for cell in read_notebook(path)["cells"]:
            if cell["cell_type"] == "markdown":
                for claim in claims_in(cell_source(cell)):
                    boxes.setdefault(claim.rstrip(LETTERS), claim_label(claim))
    return boxes


def effect_text(effect: Mapping[str, Any] | None) -> str:
    """An effect with its interval: ``+12.3 (+10.1 to +14.5, 95%, 5 seeds)``."""
    if not effect:
        return ""
    if effect["low"] is None or effect["high"] is None:
        return f"{effect['mean']:+.3g} (one seed, no interval)"
    return (
        f"{effect['mean']:+.3g} ({effect['low']:+.3g} to {effect['high']:+.3g}, "
        f"{effect['confidence']:.0%}, n = {effect['n']})"
    )


def _measured(part: Mapping[str, Any], several: bool) -> list[str]:
    name = f" {part['claim']}, {part['status']}" if several else ""
    effect = effect_text(part["effect"])
    effect = f" Effect: {effect}." if effect else ""
    run = f"[Tier {part['tier']}, {part['device']}.]{{.mm-run}}"
    return [f"**Measured{name}.** {part['text']}{effect} {run}", ""]


def _entry(claim: Mapping[str, str], parts: list[dict[str, Any]], box: str | None) -> str:
    status = overall(parts)
    lines = [
        f"({ledger_label(claim['id'])})=",
        "::::{div} mm-entry mm-" + status.replace(" ", "-"),
        f"**{claim['id']}** [{status}]{{.mm-verdict}} {claim['says']}",
        "",
        f"**Test.** {claim['test']}",
        "",
    ]
    for part in parts:
        lines += _measured(part, len(parts) > 1)
    if box:
        lines += [f"{{ref}}`To the experiment <{box}>`", ""]
    return "\n".join([*lines, "::::", ""])


def ledger(root: Path) -> str:
    """The claims ledger as Markdown.

    Raises:
        ValueError: a stored verdict judges a claim that ``book/claims.yml`` does not list.
    """
    claims, boxes = load_claims(root), boxed_claims(root)
    known = verdicts(load_all(root / "book" / "results"))
    if unknown := sorted(set(known) - {claim["id"] for claim in claims}):
        raise ValueError(f"book/claims.yml does not list the judged claims {', '.join(unknown)}")
    count = Counter(overall(known.get(claim["id"], [])) for claim in claims)
    summary = ", ".join(f"{number} {status}" for status, number in count.most_common())
    text = [f"**{len(claims)} claims:** {summary}.", ""]
    for chapter in load_chapters(root):
        text += [f"## Chapter {chapter.number}: {chapter.title}", ""]
        text += [
            _entry(claim, known.get(claim["id"], []), boxes.get(claim["id"]))
            for claim in claims
            if claim["id"].startswith(f"C{chapter.number}.")
        ]
    return "\n".join(text)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell or "–" for cell in cells) + " |"


def status(root: Path) -> str:
    """The run card of every chapter as a Markdown table."""
    rows = book_status(root)
    if not rows:
        return "This version of the book has no chapter yet."
    head = ["chapter", "state", "tier", "device", "took", "date"]
    lines = [_row(head), _row(["---"] * len(head))]
    for row, path in zip(rows, find_chapters(root), strict=True):
        link = f"[{chapter_title(read_notebook(path))}](/notebooks/{path.name})"
        lines.append(_row([link, row.state, row.tier, row.device, row.wall, row.date]))
    return "\n".join(lines)


def path_through(root: Path) -> str:
    """The chapters as a Markdown table: those that exist with a link and measured times."""
    results, claims = load_all(root / "book" / "results"), load_claims(root)
    lines = [_row(["chapter", "claims", *TIERS]), _row(["---"] * 5)]
    for chapter in load_chapters(root):
        name = f"{chapter.number}. {chapter.title} (to come)"
        if chapter.notebook:
            name = f"{chapter.number}. [{chapter.title}](/notebooks/{chapter.notebook.name})"
        count = sum(claim["id"].startswith(f"C{chapter.number}.") for claim in claims)
        timings = results.get(chapter.stem, {}).get("timings", {})
        times = [
            describe_seconds(timings[tier]["wall_s"]) if tier in timings else "" for tier in TIERS
        ]
        lines.append(_row([name, str(count), *times]))
    return "\n".join(lines)


PLACES = {
    "<!-- mmlib:claims -->": ledger,
    "<!-- mmlib:status -->": status,
    "<!-- mmlib:path -->": path_through,
    "<!-- mmlib:start -->": landing.start,
    "<!-- mmlib:cards -->": landing.cards,
    "<!-- mmlib:puzzle -->": landing.puzzle,
}


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    for comment, make in PLACES.items():
        if docname.startswith("book/") and comment in source[0]:
            source[0] = source[0].replace(comment, make(Path(app.srcdir)))


def _outdated(app: Sphinx, env: BuildEnvironment, *_changed: set[str]) -> list[str]:
    """Pages with generated text are read again at every build: results may have changed."""
    return [
        name
        for name in env.found_docs
        if name.startswith("book/")
        and any(mark in Path(env.doc2path(name)).read_text(encoding="utf-8") for mark in PLACES)
    ]


def setup(app: Sphinx) -> None:
    """Connect to the reading of each page."""
    app.connect("source-read", _on_read)
    app.connect("env-get-outdated", _outdated)
