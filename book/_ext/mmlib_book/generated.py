"""Pages written from stored results: nothing on them is typed by hand.

A page holds a comment such as ``<!-- mmlib:claims -->``; the text that replaces it is made here
each time the book is built.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

from .boxes import claim_label, claims_in, ledger_label
from .card import duration, state
from .notebook import chapter_title, read_notebook, run_card, text_of

CHAPTERS = {
    "1": "Modalities and their gaps",
    "2": "Image encoders",
    "3": "Many scales",
    "4": "CLIP",
    "5": "Augmentation",
    "6": "More than two modalities",
}
UNTESTED = "not yet tested"


def load_results(book: Path) -> dict[str, dict[str, Any]]:
    """All stored results: ``{"04_clip": {...}}``."""
    files = sorted((book / "results").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def chapters(root: Path) -> list[Path]:
    """The notebooks of the book, in order."""
    return sorted((root / "notebooks").glob("[0-9]*.ipynb"))


def verdicts(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every stored verdict by claim, with the tier and device of its chapter's run."""
    found: dict[str, dict[str, Any]] = {}
    for content in results.values():
        run = {key: content.get(key, "") for key in ("tier", "device", "date")}
        for claim, verdict in content.get("verdicts", {}).items():
            found[claim] = {**run, **verdict}
    return found


def boxed_claims(root: Path) -> set[str]:
    """The claims that some chapter shows in a box."""
    markdown = (
        text_of(cell)
        for path in chapters(root)
        for cell in read_notebook(path)["cells"]
        if cell["cell_type"] == "markdown"
    )
    return {claim for text in markdown for claim in claims_in(text)}


def _entry(claim: dict[str, str], verdict: dict[str, Any] | None, boxed: bool) -> str:
    status = verdict["status"] if verdict else UNTESTED
    kind = status.replace(" ", "-")
    lines = [
        f"({ledger_label(claim['id'])})=",
        "::::{div} mm-claim-entry mm-verdict-" + kind,
        f"**{claim['id']}** [{status}]{{.mm-verdict}}",
        "",
        claim["says"],
        "",
    ]
    if verdict:
        run = f" *Tier {verdict['tier']}, {verdict['device']}.*" if verdict["tier"] else ""
        lines += [f"**Measured.** {verdict.get('sentence', '')}{run}", ""]
    else:
        lines += [f"**The test.** {claim['test']}", ""]
    if boxed:
        lines += [f"{{ref}}`To the experiment <{claim_label(claim['id'])}>`", ""]
    return "\n".join([*lines, "::::", ""])


def ledger(root: Path) -> str:
    """The claims ledger as Markdown."""
    claims = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    known = verdicts(load_results(root / "book"))
    boxed = boxed_claims(root)
    if unknown := sorted(set(known) - {claim["id"] for claim in claims}):
        raise ValueError(f"verdicts on claims that book/claims.yml does not list: {unknown}")
    count = Counter(known[c["id"]]["status"] if c["id"] in known else UNTESTED for c in claims)
    summary = ", ".join(f"{number} {status}" for status, number in count.most_common())
    text = [f"**{len(claims)} claims:** {summary}.", ""]
    for number, title in CHAPTERS.items():
        text += [f"## Chapter {number}: {title}", ""]
        text += [
            _entry(claim, known.get(claim["id"]), claim["id"] in boxed)
            for claim in claims
            if claim["id"].startswith(f"C{number}.")
        ]
    return "\n".join(text)


def _status_entry(path: Path) -> str:
    notebook = read_notebook(path)
    card = run_card(notebook) or {}
    title = f"**[{chapter_title(notebook)}](/notebooks/{path.name})**"
    cells = [
        title,
        state(path),
        card.get("tier", ""),
        card.get("device", ""),
        duration(card["wall_s"]) if "wall_s" in card else "",
        str(card.get("date", ""))[:10],
    ]
    return "| " + " | ".join(cell or "–" for cell in cells) + " |"


def status(root: Path) -> str:
    """The run card of every chapter as a Markdown table."""
    found = chapters(root)
    if not found:
        return "No chapter is in this version of the book yet."
    head = "| chapter | state | tier | device | took | date |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(_status_entry(path) for path in found)


def path_through(root: Path) -> str:
    """The six chapters as Markdown, those that exist with a link and their time."""
    existing = {path.name[:2].lstrip("0"): path for path in chapters(root)}
    claims = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    lines = ["| | chapter | claims | in this version |", "|---|---|---|---|"]
    for number, title in CHAPTERS.items():
        count = sum(claim["id"].startswith(f"C{number}.") for claim in claims)
        path = existing.get(number)
        card = (run_card(read_notebook(path)) if path else None) or {}
        name = f"[{title}](/notebooks/{path.name})" if path else title
        here = "not yet" if path is None else "yes"
        if "wall_s" in card:
            here = f"yes, ran in {duration(card['wall_s'])} (tier {card.get('tier', '?')})"
        lines.append(f"| {number} | {name} | {count} | {here} |")
    return "\n".join(lines)


PLACES = {
    "<!-- mmlib:claims -->": ledger,
    "<!-- mmlib:status -->": status,
    "<!-- mmlib:path -->": path_through,
}


def _on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    root = Path(app.srcdir)
    for comment, make in PLACES.items():
        if comment in source[0] and not docname.startswith("notebooks/"):
            source[0] = source[0].replace(comment, make(root))


def _outdated(app: Sphinx, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list:
    """Pages with generated text are read again at every build: results may have changed."""
    pages = (Path(app.srcdir) / "book").glob("*.md")
    return [
        f"book/{page.stem}"
        for page in pages
        if f"book/{page.stem}" in env.found_docs
        and any(comment in page.read_text(encoding="utf-8") for comment in PLACES)
    ]


def setup(app: Sphinx) -> None:
    """Connect to the reading of each page."""
    app.connect("source-read", _on_read)
    app.connect("env-get-outdated", _outdated)
