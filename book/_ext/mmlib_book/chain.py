"""A verdict's text as its parts: ``first: supported (+3.1); second: mixed (-0.2). A note``.

``mmlib.report.judge`` writes such chains. A text of another form stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mmlib.bands import STATUSES

PART = re.compile(
    rf"(?P<name>[^;]+?): (?P<status>{'|'.join(STATUSES)}) "
    r"\((?P<effect>[+-](?:\d[\d.]*(?:e[+-]\d+)?|inf|nan))\)(?P<end>; |\. |$)"
)


@dataclass(frozen=True)
class Statement:
    """One part of a claim: what was compared, its verdict, its effect as it was written."""

    name: str
    status: str
    effect: str


def read_chain(text: str) -> tuple[list[Statement], str]:
    """The parts of a verdict's text and what follows them; no part means another form."""
    found: list[Statement] = []
    start = 0
    while start < len(text) and (part := PART.match(text, start)):
        found.append(Statement(part["name"], part["status"], part["effect"]))
        start = part.end()
        if part["end"] == ". ":  # a note follows, whatever it looks like
            break
    return found, text[start:]


def write_chain(parts: list[Statement], note: str) -> tuple[str, str]:
    """The two texts that ``read_chain`` can have read: a note joined by a semicolon, or a stop."""
    text = "; ".join(f"{part.name}: {part.status} ({part.effect})" for part in parts)
    return (f"{text}; {note}", f"{text}. {note}") if note and parts else (text + note,) * 2


def stands_for_the_claim(parts: list[Statement], mean: float) -> Statement | None:
    """The one part whose written effect is the stored one; None when none or several are."""
    same = [part for part in parts if part.effect == f"{mean:+.3g}"]
    return same[0] if len(same) == 1 else None
