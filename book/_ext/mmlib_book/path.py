"""The path through the chapters, with the time each one took at each tier."""

from __future__ import annotations

from pathlib import Path

from mmlib.runtime import TIERS, describe_seconds

from .chapters import load_chapters
from .claims import load_claims, load_results


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell or "–" for cell in cells) + " |"


def path_through(root: Path) -> str:
    """The chapters as a Markdown table: those that exist with a link and measured times."""
    results, claims = load_results(root), load_claims(root)
    lines = [_row(["chapter", "claims", *TIERS]), _row(["---"] * 5)]
    for chapter in load_chapters(root):
        name = f"{chapter.number}. {chapter.title} (to come)"
        if chapter.notebook:
            name = f"{chapter.number}. [{chapter.title}](/notebooks/{chapter.notebook.name})"
        count = sum(claim.chapter == chapter.number for claim in claims)
        timings = results.get(chapter.stem, {}).get("timings", {})
        times = [
            describe_seconds(timings[tier]["wall_s"]) if tier in timings else "" for tier in TIERS
        ]
        lines.append(_row([name, str(count), *times]))
    return "\n".join(lines)
