"""What a chapter measured: recorded for the book, compared with the book, judged.

In a reader's session ``record`` keeps numbers in memory and ``compare`` puts them beside the
published ones. When ``mmlib execute`` runs a chapter it names a file in ``MMLIB_RECORD``; the same
calls then also write there, and the file is published only if the whole chapter ran.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmlib import published
from mmlib.bands import (
    MIXED,
    NOT_TESTED,
    REFUTED,
    STATUSES,
    SUPPORTED,
    Band,
    Effect,
    band,
    bootstrap_interval,
    check_values,
    combine,
    mean_effect,
    paired_difference,
    rule_difference,
    rule_equivalence,
)
from mmlib.runtime import atomic_write, current_tier

__all__ = [
    "MIXED",
    "NOT_TESTED",
    "REFUTED",
    "STATUSES",
    "SUPPORTED",
    "Band",
    "Effect",
    "Results",
    "Verdict",
    "band",
    "bootstrap_interval",
    "combine",
    "compare",
    "comparison",
    "current",
    "mean_effect",
    "paired_difference",
    "record",
    "load_record",
    "record_verdict",
    "rule_difference",
    "rule_equivalence",
]

RECORD_VARIABLE = "MMLIB_RECORD"
_RESULT_ID = re.compile(r"[a-z][a-z0-9]*(\.[a-z0-9][a-z0-9_-]*)+")
_CLAIM_ID = re.compile(r"C\d+\.\d+[a-z]?")


@dataclass(frozen=True)
class Verdict:
    """The judgement on one claim, with the effect that it rests on and the tier it ran at."""

    claim: str
    status: str
    text: str
    effect: Effect | None
    tier: str

    def __str__(self) -> str:
        """For example ``C4.1 supported at tier cpu: text (effect)``."""
        measured = "" if self.effect is None else f" [{self.effect}]"
        where = "" if self.status == NOT_TESTED else f" at tier {self.tier}"
        return f"{self.claim} {self.status}{where}: {self.text}{measured}"

    def _ipython_display_(self) -> None:
        """A notebook shows nothing more: ``record_verdict`` has printed it."""


@dataclass
class Results:
    """The numbers and verdicts of one run of one chapter."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget everything that was recorded in this session."""
        self.results.clear()
        self.verdicts.clear()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything recorded so far as JSON, in one step."""
        content = {"results": self.results, "verdicts": self.verdicts}
        atomic_write(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))


current = Results()


def _store(kind: dict[str, dict[str, Any]], name: str, content: dict[str, Any]) -> None:
    target = os.environ.get(RECORD_VARIABLE)
    if target and name in kind and kind[name] != content:
        raise ValueError(f"{name!r} was already recorded in this chapter: give each its own id")
    kind[name] = content
    if target:
        current.save(target)


def record(
    id: str,
    values: Sequence[float] | float,
    unit: str = "%",
    *,
    seeds: Sequence[int] | None = None,
    higher_is_better: bool = True,
    note: str = "",
) -> Band:
    """Keep one result, one value per seed, under an id; publish it when the book is executed.

    Args:
        id: lower-case words joined by dots, such as ``"c41.seen.top1"``.
        values: one number per seed; percent as 0 to 100.
        unit: ``"%"``, ``"s"``, ``"pairs/s"``, or ``""`` for a plain number.
        seeds: the seeds, in the order of the values; 0, 1, 2, ... unless given.
        higher_is_better: whether a larger value is the better one.
        note: one line on how it was measured.

    Returns:
        The band over the seeds.

    Raises:
        ValueError: an id of another form or used twice, no value, a value that is not finite, a
            percentage outside 0 to 100, or another number of seeds than values.
    """
    if not _RESULT_ID.fullmatch(id):
        raise ValueError(f"result id {id!r} is not usable: write it like 'c41.seen.top1'")
    numbers = check_values(values)
    if unit == "%" and not all(0 <= number <= 100 for number in numbers):
        raise ValueError(f"{id}: {numbers} are no percentages: give 0 to 100, or another unit")
    used = list(range(len(numbers))) if seeds is None else [int(seed) for seed in seeds]
    if len(used) != len(numbers):
        raise ValueError(f"{id}: {len(numbers)} values for {len(used)} seeds: give one for each")
    summary = band(numbers, (0.0, 100.0) if unit == "%" else None)
    content = {
        "values": numbers,
        "seeds": used,
        "unit": unit,
        **asdict(summary),
        "higher_is_better": higher_is_better,
        "note": note,
    }
    _store(current.results, id, content)
    return summary


def _published(id: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    for chapter in published.load_all().values():
        if id in chapter.get("results", {}):
            return chapter["results"][id], chapter
    return None


def compare(id: str, mine: Sequence[float] | float | None = None) -> None:
    """Print your number beside the published one.

    ``c41.seen: yours 71.8 %, published 72.4 % (70.9 to 73.5, 5 seeds, H100): in the band``.
    The band is where 95% of further runs of the published code are expected (see ``Band``).

    Args:
        id: the result's id.
        mine: your value, or one per seed (their mean counts); what ``record`` kept unless given.

    Raises:
        ValueError: nothing was given and nothing was recorded, or a value is not finite.
    """
    print(comparison(id, mine))


def comparison(id: str, mine: Sequence[float] | float | None = None) -> str:
    """The sentence that ``compare`` prints."""
    if mine is None:
        if id not in current.results:
            raise ValueError(f"nothing was recorded under {id!r}: run the cell that measures it")
        mine = current.results[id]["values"]
    numbers = check_values(mine)
    value = sum(numbers) / len(numbers)
    found = _published(id)
    if found is None:
        return f"{id}: yours {value:.3g}, nothing published in reach"
    return f"{id}: {_beside(value, *found)}"


def _beside(value: float, result: dict[str, Any], chapter: dict[str, Any]) -> str:
    """The sentence that compares one value with one published result."""
    names = ("mean", "minimum", "maximum", "low", "high", "n")
    there = Band(**{name: result[name] for name in names})
    unit = f" {result['unit']}" if result["unit"] else ""
    seeds = f"{there.n} seed" + ("s" if there.n != 1 else "")
    interval = "" if there.low is None else f"{there.low:.3g} to {there.high:.3g}, "
    text = (
        f"yours {value:.3g}{unit}, published {there.mean:.3g}{unit} "
        f"({interval}{seeds}, {chapter['device']}): {there.place(value)}"
    )
    if chapter["tier"] != current_tier():
        text += f" (published at tier {chapter['tier']}, yours ran at {current_tier()})"
    return text


def record_verdict(claim: str, status: str, effect: Effect | None, text: str) -> Verdict:
    """Keep the judgement on one claim; prints it and publishes it when the book is executed.

    Args:
        claim: the claim's id, such as ``"C4.1"``.
        status: what a rule returned: one of ``STATUSES``.
        effect: the difference that was judged; None only when nothing was tested.
        text: one sentence that states what was found.

    Raises:
        ValueError: an id of another form, an unknown status, no sentence, or a judgement without
            an effect.
    """
    if not _CLAIM_ID.fullmatch(claim):
        raise ValueError(f"claim id {claim!r} is not usable: write it like 'C4.1'")
    if status not in STATUSES:
        raise ValueError(f"{claim}: unknown status {status!r}: use one of {', '.join(STATUSES)}")
    if not text.strip():
        raise ValueError(f"{claim}: the verdict needs a sentence that says what was found")
    if effect is None and status != NOT_TESTED:
        raise ValueError(f"{claim}: {status!r} needs the effect it rests on")
    verdict = Verdict(claim, status, text.strip(), effect, current_tier())
    content = asdict(verdict)
    if effect is not None:
        content["effect"] = {name: _finite(value) for name, value in asdict(effect).items()}
    _store(current.verdicts, claim, content)
    print(verdict)
    return verdict


def _finite(value: float) -> float | None:
    """JSON has no infinity: an open end of an interval is stored as null."""
    return value if math.isfinite(value) else None


def load_record(path: str | os.PathLike[str]) -> Results:
    """Read what a run wrote to the file named in ``MMLIB_RECORD``; empty if it wrote nothing."""
    file = Path(path)
    content = published.load_file(file) if file.exists() else {}
    return Results(content.get("results", {}), content.get("verdicts", {}))
