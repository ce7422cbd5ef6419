"""Minimal pairs: one edit that turns a true statement about a scene into a false one."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlib.data.compositions import Compositions, pick
from mmlib.data.grammar import SLOTS, Facts

NEGATIVES = ("order", "relation", "colour", "object", "count")
CHOICE_COLUMNS = 2  # uniform numbers: which slot changes, and what it becomes


def edit(
    facts: Facts, kind: str, choice: Tensor, compositions: Compositions
) -> tuple[Tensor, Facts]:
    """Change one thing in every scene where that kind of change is possible.

    Args:
        facts: n scenes.
        kind: one of ``NEGATIVES``.
        choice: (n, CHOICE_COLUMNS) uniform.
        compositions: what goes with what; the edited scene stays in the scene's own split.

    Returns:
        (m,) int64 the rows that were changed, and their m changed facts.

    Raises:
        ValueError: unknown kind.
    """
    if kind not in NEGATIVES:
        raise ValueError(f"unknown kind of negative {kind!r}: choose from {', '.join(NEGATIVES)}")
    facts = facts.facts()
    if kind == "object":
        return _other_object(facts, choice, compositions)
    where = {"order": "relation", "relation": "relation", "colour": "colour", "count": "count"}
    rows = facts.of_kind(where[kind]).nonzero()[:, 0]
    part = facts.rows(rows)
    if kind == "order":
        return rows, part.changed(objects=_swap_first_two(part.objects))
    if kind == "relation":
        return rows, part.changed(relation=part.relation ^ 1)
    if kind == "colour":
        return rows, part.changed(colours=_swap_first_two(part.colours))
    counts = pick(compositions.other_counts(part), choice[rows, 1]) + 1
    filled = torch.arange(SLOTS) < counts[:, None]
    return rows, part.changed(counts=counts, objects=torch.where(filled, part.objects[:, :1], -1))


def _swap_first_two(slots: Tensor) -> Tensor:
    return torch.cat([slots[:, :2].flip(1), slots[:, 2:]], 1)


def _other_object(facts: Facts, choice: Tensor, compositions: Compositions) -> tuple[Tensor, Facts]:
    paired = facts.of_kind("relation") | facts.of_kind("colour")
    slot = torch.where(paired, (choice[:, 0] * 2).long(), 0)
    allowed = compositions.replacements(facts, slot)  # (n, N)
    rows = allowed.any(1).nonzero()[:, 0]
    part, slot = facts.rows(rows), slot[rows, None]
    new = pick(allowed[rows], choice[rows, 1])
    old = part.objects.gather(1, slot)
    return rows, part.changed(objects=torch.where(part.objects == old, new[:, None], part.objects))
