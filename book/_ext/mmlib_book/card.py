"""The run card: where, when and on what the outputs of a chapter were made."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any


def duration(seconds: float) -> str:
    """Seconds as a reader says them: ``42 s``, ``7 min 5 s``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def memory(megabytes: float) -> str:
    """Memory as a reader says it: ``640 MB``, ``2.1 GB``."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def facts(card: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of a run card; what was not stored is left out."""
    versions = card.get("versions", {})
    software = [f"{name} {versions[name]}" for name in ("python", "torch") if name in versions]
    lines = [
        ("Tier", card.get("tier", "")),
        ("Device", card.get("device", "")),
        ("Took", duration(card["wall_s"]) if "wall_s" in card else ""),
        ("Peak memory", memory(card["peak_memory_mb"]) if card.get("peak_memory_mb") else ""),
        ("Date", str(card.get("date", ""))[:10]),
        ("With", ", ".join(software)),
        ("Commit", str(card.get("commit") or "")[:10]),
    ]
    return [(name, value) for name, value in lines if value]


def card_html(card: dict[str, Any] | None) -> str:
    """The card as one HTML block for under a chapter's title."""
    if not card:
        return (
            '<div class="mm-card mm-card-empty" role="note">Not yet executed: '
            "this chapter has no stored run.</div>"
        )
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts(card)
    )
    return f'<dl class="mm-card" aria-label="Run card">{items}</dl>'


def state(path: Path) -> str:
    """How a chapter's stored outputs stand to its code and to the package.

    Returns:
        ``"not executed"``, ``"outputs do not match the code"``, ``"older than the code"`` or
        ``"fresh"``.
    """
    import nbformat
    from mmlib.course.runcard import freshness

    return str(freshness(nbformat.read(path, as_version=4)))


def code_differs(path: Path) -> bool:
    """Whether the stored outputs come from other code cells than those in the notebook."""
    return state(path) == "outputs do not match the code"
