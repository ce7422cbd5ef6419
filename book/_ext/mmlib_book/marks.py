"""How a verdict and an effect look: a badge with a sign, a text, a small drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

from mmlib.bands import MIXED, NOT_TESTED, REFUTED, SUPPORTED

from .claims import UNTESTED

KINDS = {  # status -> the class of what shows it
    SUPPORTED: "supported",
    REFUTED: "refuted",
    MIXED: "mixed",
    NOT_TESTED: "untested",
    UNTESTED: "untested",
}
SIGNS = {"supported": "✓", "refuted": "✗", "mixed": "±", "untested": "?"}
WIDTH, EDGE = 240, 12  # of the drawing of an effect, in its own units


def kind_of(status: str) -> str:
    """The one of four kinds that a status is of; both ways of not being tested are one.

    Raises:
        ValueError: there is no such status.
    """
    if status not in KINDS:
        raise ValueError(f"{status!r} is no verdict: use one of {', '.join(KINDS)}")
    return KINDS[status]


def sign(kind: str) -> str:
    """The sign of a kind, not read aloud: a word or a name stands beside it."""
    return f'<span class="mm-sign" aria-hidden="true">{SIGNS[kind]}</span>'


def badge(status: str) -> str:
    """A status as a badge: its sign and its word."""
    kind = kind_of(status)
    return f'<span class="mm-verdict mm-is-{kind}">{sign(kind)} {escape(status)}</span>'


def _has_interval(effect: Mapping[str, Any]) -> bool:
    return effect["low"] is not None and effect["high"] is not None


def effect_text(effect: Mapping[str, Any] | None) -> str:
    """An effect with its interval: ``+12.3 (+10.1 to +14.5, 95%, n = 5)``; empty for none."""
    if not effect:
        return ""
    if not _has_interval(effect):
        return f"{effect['mean']:+.3g} (one seed, no interval)"
    return (
        f"{effect['mean']:+.3g} ({effect['low']:+.3g} to {effect['high']:+.3g}, "
        f"{effect['confidence']:.0%}, n = {effect['n']})"
    )


def _spoken(effect: Mapping[str, Any]) -> str:
    where = "holds zero"
    if effect["low"] > 0:
        where = "lies above zero"
    elif effect["high"] < 0:
        where = "lies below zero"
    return f"Effect {effect_text(effect)}: the interval {where}."


def effect_drawing(effect: Mapping[str, Any] | None) -> str:
    """An effect as inline SVG: a dot, its interval as a bar, a line at zero; empty without one."""
    if not effect or not _has_interval(effect):
        return ""
    ends = (0.0, effect["low"], effect["high"])
    start, span = min(ends), max(ends) - min(ends)
    scale = (WIDTH - 2 * EDGE) / span if span > 0 and math.isfinite(span) else 0.0

    def at(value: float) -> str:
        return f"{EDGE + (value - start) * scale:.1f}"

    low, high, mean, zero = at(effect["low"]), at(effect["high"]), at(effect["mean"]), at(0.0)
    return (
        f'<svg class="mm-interval" viewBox="0 0 {WIDTH} 24" role="img" '
        f'aria-label="{escape(_spoken(effect))}">'
        f'<line class="mm-axis" x1="0" x2="{WIDTH}" y1="12" y2="12"/>'
        f'<line class="mm-zero" x1="{zero}" x2="{zero}" y1="1" y2="23"/>'
        f'<line class="mm-span" x1="{low}" x2="{high}" y1="12" y2="12"/>'
        f'<circle class="mm-dot" cx="{mean}" cy="12" r="4.5"/></svg>'
    )
