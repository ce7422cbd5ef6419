"""Which combinations are held out, and the draws that respect it.

Every object, every colour and every number is seen; some combinations are not:

========  =====================================  ==========================================
kind      held out                               how much
========  =====================================  ==========================================
relation  pairs of objects                       about 15% of the pairs
colour    an object with a colour                two colours for each object
count     an object with a number                two of the five numbers for each object
single    nothing (there is no composition)
========  =====================================  ==========================================

The choice is a stable hash of the objects' keys: it is the same on every machine and does not
move when other objects come or go. Colours and numbers are held out in fixed pairs, so that the
minimal pair of an unseen caption can be unseen as well: a model that only prefers what is familiar
gains nothing. Scenes of the seen split, and their minimal pairs, never contain a held-out
combination; unseen colour scenes use pairs of objects that are seen, so that one thing is new.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmlib.data.grammar import KINDS, NUMBERS, SLOTS, Facts
from mmlib.runtime import derive_seed

SPLITS = ("seen", "unseen")
COMPOSED = ("colour", "count", "relation")
_PRIME = 2**31 - 1
_HELD_PAIRS = 3  # twentieths of all pairs


def hash_classes(keys: Sequence[str], purpose: str, classes: int) -> Tensor:
    """(N,) int64 in [0, classes): a class for each key, by a hash that is the same everywhere."""
    return torch.tensor([derive_seed(0, "scenes", purpose, key) % classes for key in keys])


def pick(allowed: Tensor, uniform: Tensor) -> Tensor:
    """Choose one allowed column in each row, all with equal probability.

    Args:
        allowed: (n, M) bool, at least one True in each row.
        uniform: (n,) in [0, 1).

    Returns:
        (n,) int64, column indices.
    """
    rank = (uniform * allowed.sum(1)).long()  # (n,) the how-manieth allowed column
    return (allowed.cumsum(1) > rank[:, None]).int().argmax(1)


class Compositions:
    """The tables of what goes with what.

    Args:
        keys: one stable name for each object (its code points).
        twins: objects with the same number look alike and never meet in one scene.
        colours: how many colours there are.
    """

    def __init__(self, keys: Sequence[str], twins: Sequence[int], colours: int) -> None:
        group = torch.tensor(list(twins))
        number = hash_classes(keys, "pair", _PRIME - 1) + 1
        self.pair_possible = group[:, None] != group[None, :]  # (N, N) bool
        self.pair_held = (number[:, None] * number[None, :] % _PRIME) % 20 < _HELD_PAIRS  # (N, N)
        self.colour_class = hash_classes(keys, "colour", max(colours // 2, 1))
        slot = torch.arange(colours)
        self.colour_held = slot[None, :] // 2 == self.colour_class[:, None]  # (N, C) bool
        start = hash_classes(keys, "count", SLOTS)[:, None]
        numbers = torch.arange(SLOTS)[None, :]
        self.count_held = (numbers == start) | (numbers == (start + 2) % SLOTS)  # (N, 5) bool
        self._pairs = {(k, split): self._list(k, split) for k in COMPOSED for split in SPLITS}

    def __len__(self) -> int:
        return len(self.pair_possible)

    def _list(self, kind: str, split: str) -> Tensor:
        held = split == "unseen"
        if kind == "relation":
            return (self.pair_possible & (self.pair_held == held)).nonzero()  # (P, 2)
        if kind == "colour":
            same = self.colour_class[:, None] == self.colour_class[None, :]
            return (self.pair_possible & ~self.pair_held & (same | (not held))).nonzero()
        return torch.arange(len(self))[:, None]

    def possible(self, kind: str, split: str) -> bool:
        """Whether there is any scene of this kind in this split."""
        if kind == "single":
            return split == "seen"
        return len(self._pairs[kind, split]) > 0

    def missing(self, kind: str, colours: int) -> str | None:
        """What the seen scenes of this kind would never show, or None."""
        if kind == "single":
            return None
        listed = self._pairs[kind, "seen"]
        if kind != "count" and len(listed[:, 0].unique()) < len(self):
            return "an object without a partner"
        if kind == "count" and bool(self.count_held.all(0).any()):
            return "a number"
        if kind == "colour":
            first, second = listed.unbind(1)
            free = ~self.colour_held[first] & ~self.colour_held[second]  # (P, C)
            if not bool(free.any(0).all()):
                return "a colour"
        return None

    def draw_objects(self, kind: str, split: str, uniform: Tensor) -> Tensor:
        """(n, 2) int64: one object (and ``-1``) or an ordered pair, all equally likely."""
        if kind in ("single", "count"):
            first = (uniform * len(self)).long()
            return torch.stack([first, torch.full_like(first, -1)], 1)
        listed = self._pairs[kind, split]
        return listed[(uniform * len(listed)).long()]

    def draw_colours(self, objects: Tensor, split: str, uniform: Tensor) -> Tensor:
        """(n, 2) int64: two different colours for pairs of objects (n, 2)."""
        held = self.colour_held if split == "unseen" else ~self.colour_held
        fits = held[objects[:, 0]] & held[objects[:, 1]]  # (n, C): fits either object
        colours = fits.shape[1]
        both = fits[:, :, None] & fits[:, None, :] & ~torch.eye(colours, dtype=torch.bool)
        choice = pick(both.flatten(1), uniform)
        return torch.stack([choice // colours, choice % colours], 1)

    def draw_counts(self, objects: Tensor, split: str, uniform: Tensor) -> Tensor:
        """(n,) int64 in [1, 5]: a number for each object (n,)."""
        held = self.count_held[objects]
        return pick(held if split == "unseen" else ~held, uniform) + 1

    def held(self, facts: Facts) -> Tensor:
        """(n,) bool: which scenes state a combination that is held out."""
        one, two = facts.objects[:, 0], facts.objects[:, 1].clamp(min=0)
        colour = facts.colours[:, :2].clamp(min=0)
        paired = self.pair_held[one, two]
        tinted = self.colour_held[one, colour[:, 0]] | self.colour_held[two, colour[:, 1]]
        counted = self.count_held[one, facts.counts - 1]
        answers = {"single": torch.zeros_like(paired), "colour": tinted, "count": counted}
        table = torch.stack([answers.get(kind, paired) for kind in KINDS], 1)  # (n, kinds)
        return table.gather(1, facts.kind[:, None]).squeeze(1)

    def replacements(self, facts: Facts, slot: Tensor) -> Tensor:
        """Objects that could stand in for the one in a slot, within the same split.

        Args:
            facts: n scenes.
            slot: (n,) int64, 0 or 1, the slot whose object goes.

        Returns:
            (n, N) bool, never the object itself, the other object or a twin of one of them.
        """
        old = facts.objects.gather(1, slot[:, None]).squeeze(1)
        other = facts.objects[:, :2].gather(1, 1 - slot[:, None]).squeeze(1)
        two = other >= 0
        kept = other.clamp(min=0)
        allowed = self.pair_possible[old] & (self.pair_possible[kept] | ~two[:, None])  # (n, N)
        held = self.held(facts)[:, None]  # (n, 1)
        alike = self.pair_held[kept] == (held & facts.of_kind("relation")[:, None])
        allowed &= alike | ~two[:, None]
        colour = facts.colours[:, :2].clamp(min=0)
        tinted = (self.colour_held.T[colour] == held[:, :, None]).all(1)  # (n, N)
        allowed &= tinted | ~facts.of_kind("colour")[:, None]
        counted = self.count_held.T[facts.counts - 1] == held
        return allowed & (counted | ~facts.of_kind("count")[:, None])

    def other_counts(self, facts: Facts) -> Tensor:
        """(n, 5) bool: the numbers that are false of a scene, within the same split."""
        held = self.count_held[facts.objects[:, 0]] == self.held(facts)[:, None]
        return held & (torch.arange(len(NUMBERS)) != facts.counts[:, None] - 1)
