"""The run card: where, when and on what the outputs of a chapter were made."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from mmlib.runtime import describe_seconds


def memory(megabytes: float) -> str:
    """Memory as a reader says it: ``640 MB``, ``2.1 GB``."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def facts(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines of a run card; what was not stored is left out."""
    versions = card.get("versions", {})
    software = [f"{name} {versions[name]}" for name in ("python", "torch") if name in versions]
    commit = str(card.get("commit") or "")[:10]
    lines = [
        ("Tier", card["tier"]),
        ("Device", card["device"]),
        ("Took", describe_seconds(card["wall_s"])),
        ("Peak memory", memory(card["peak_memory_mb"]) if card.get("peak_memory_mb") else ""),
        ("GPU memory", memory(card["peak_cuda_mb"]) if card.get("peak_cuda_mb") else ""),
        ("Date", card["date"][:10]),
        ("With", ", ".join(software)),
        ("Commit", f"{commit} and changes" if commit and card.get("dirty") else commit),
    ]
    return [(name, value) for name, value in lines if value]


def card_html(card: Mapping[str, Any] | None) -> str:
    """The card as one HTML block for under a chapter's title."""
    if not card:
        return (
            '<p class="mm-card mm-card-empty">Not yet executed: this chapter has no stored run.</p>'
        )
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts(card)
    )
    return f'<dl class="mm-card">{items}</dl>'
