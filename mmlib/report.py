"""What a chapter does with its numbers: keep them, show them with their seeds, judge a claim."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmlib.bands import Effect, check_values, combine, rule_difference, rule_equivalence
from mmlib.results import Verdict, record, record_verdict
from mmlib.tables import Table


@dataclass(frozen=True)
class Part:
    """One statement of a claim: the effect that was measured, and what a rule says of it."""

    effect: Effect
    status: str


def more(effect: Effect, minimum: float = 2.0) -> Part:
    """The part 'the effect is larger than `minimum`'; see `mmlib.bands.rule_difference`."""
    return Part(effect, rule_difference(effect, minimum))


def same(effect: Effect, margin: float = 2.0) -> Part:
    """The part 'no larger difference than `margin`'; see `mmlib.bands.rule_equivalence`."""
    return Part(effect, rule_equivalence(effect, margin))


def judge(claim: str, parts: Mapping[str, Part], note: str = "") -> Verdict:
    """Combine the parts of a claim into its verdict, and record it.

    Args:
        claim: the claim's id, such as ``"C1.4"``.
        parts: by statement. The effect of the first one stands for the claim.
        note: one more sentence, put behind the parts.

    Raises:
        ValueError: there is no part, or the id is not usable.
    """
    if not parts:
        raise ValueError(f"{claim}: a verdict needs at least one part")
    found = [f"{name}: {p.status} ({p.effect.mean:+.3g})" for name, p in parts.items()]
    text = "; ".join(found) + (f". {note}" if note else "")
    first = next(iter(parts.values()))
    return record_verdict(
        claim, combine([part.status for part in parts.values()]), first.effect, text
    )


def slug(name: str) -> str:
    """A name as the last part of a result id: ``"Image to text"`` becomes ``"image-to-text"``.

    Raises:
        ValueError: nothing is left of the name.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not plain:
        raise ValueError(f"{name!r} has no letter or digit: a result id needs one")
    return plain


def record_table(
    prefix: str,
    values: Mapping[str, Mapping[str, Sequence[float]]],
    seeds: Sequence[int],
    *,
    unit: str = "%",
    higher_is_better: bool = True,
    label: str = "condition",
    digits: int = 1,
) -> Table:
    """Record results and show them: one row a condition, one column a measure, with the seeds.

    Args:
        prefix: of the result ids, such as ``"c14"``; the id of a cell is prefix.row.column.
        values: row -> column -> one value a seed; a cell shows the mean, and the least and the
            largest value.
        seeds: of all cells.
        unit, higher_is_better: see `mmlib.results.record`.
        label: heading of the first column.
        digits: behind the point.

    Raises:
        ValueError: as `record` does, or two cells would have one id.
    """
    rows = []
    ids: set[str] = set()
    for row, columns in values.items():
        cells: dict[str, object] = {label: row}
        for column, measured in columns.items():
            id = f"{prefix}.{slug(row)}.{slug(column)}"
            if id in ids:
                raise ValueError(f"{row!r}, {column!r}: another cell has the id {id!r}: rename it")
            ids.add(id)
            band = record(id, measured, unit, seeds=seeds, higher_is_better=higher_is_better)
            cells[column] = (
                f"{band.mean:.{digits}f} ({band.minimum:.{digits}f} to {band.maximum:.{digits}f})"
            )
        rows.append(cells)
    return Table.from_rows(rows)


def by_seed(runs: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Turn one dictionary of scores a seed into one list a score, in the order of the seeds.

    Raises:
        ValueError: there is no run, or the runs have other scores.
    """
    if not runs or any(set(run) != set(runs[0]) for run in runs):
        raise ValueError("every seed must have the same scores, and there must be one seed or more")
    return {name: check_values([run[name] for run in runs]) for name in runs[0]}
