"""What a number is worth: intervals, accuracy by group, and controls that know nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor


def binomial_interval(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval (Wilson 1927) of a share, 95% by default, within [0, 1].

    `successes` may be fractional, as expected values over ties are.

    Raises:
        ValueError: `n` below 1, `successes` outside 0..n, `z` not positive.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not 0 <= successes <= n * (1 + 1e-12):
        raise ValueError(f"successes must lie between 0 and n={n}, got {successes}")
    if not z > 0:
        raise ValueError(f"z must be positive, got {z}")
    share = min(successes / n, 1.0)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))


@dataclass(frozen=True)
class GroupRow:
    """Accuracy of one group: fractions in [0, 1], `low` and `high` the 95% Wilson interval."""

    group: str
    n: int
    accuracy: float
    low: float
    high: float
    chance: float | None = None

    def percent(self) -> dict[str, object]:
        """The row in percent, for `mmlib.tables.Table`."""
        scale = ("accuracy", "low", "high", "chance")
        return {
            name: 100 * value if name in scale else value
            for name, value in asdict(self).items()
            if value is not None
        }


def report_by(
    hits: Tensor, groups: Sequence[object] | Tensor, chance: float | None = None
) -> list[GroupRow]:
    """Accuracy by group (style, split, kind), groups in order of first appearance.

    Args:
        hits: (N,) bool or numbers in [0, 1], the credit of each sample (`ZeroShotReport.hits`).
        groups: N labels of the groups.
        chance: what a blind guess would score, carried into each row.

    Raises:
        ValueError: empty input, lengths that differ, hits outside [0, 1] or NaN.
    """
    credit = hits.detach().cpu().double()
    labels = [str(label) for label in (groups.tolist() if isinstance(groups, Tensor) else groups)]
    if credit.ndim != 1 or credit.numel() == 0:
        raise ValueError(f"hits must be a non-empty vector, got shape {tuple(credit.shape)}")
    if len(labels) != len(credit):
        raise ValueError(f"{len(credit)} hits but {len(labels)} groups")
    if not bool(((credit >= 0) & (credit <= 1)).all()):
        raise ValueError("hits must lie in [0, 1]; NaN or a value outside was found")
    rows = []
    for name in dict.fromkeys(labels):
        own = credit[torch.tensor([label == name for label in labels])]
        low, high = binomial_interval(float(own.sum()), len(own))
        rows.append(GroupRow(name, len(own), float(own.mean()), low, high, chance))
    return rows


def derangement(n: int, generator: torch.Generator) -> Tensor:
    """Random permutation (n,) int64 of 0..n-1 that leaves no place fixed, uniform among those.

    Drawn by rejection: about e = 2.7 tries, whatever `n`.

    Raises:
        ValueError: `n` below 2, which has no such permutation.
    """
    if n < 2:
        raise ValueError(f"a derangement needs at least 2 items, got {n}")
    identity = torch.arange(n, device=generator.device)
    while True:
        order = torch.randperm(n, generator=generator, device=generator.device)
        if not bool((order == identity).any()):
            return order


@dataclass(frozen=True)
class Control:
    """A metric under wrong pairings: one value per shuffle, their mean and extremes."""

    values: tuple[float, ...]
    mean: float
    low: float
    high: float


def shuffled_control(
    metric: Callable[[Tensor], float], n: int, generator: torch.Generator, repeats: int = 5
) -> Control:
    """Evaluate a metric under shuffled pairings in which nothing keeps its own partner.

    ``metric(order)`` scores the pairing in which item i gets partner ``order[i]``: permute the
    classes (``class_emb[order]``) or the captions, not the samples, so that samples of one class
    never get their own label back.

    Read it so: a model that knows nothing stays at chance, any metric that does not drop to chance
    leaks. A model that knows much falls *below* chance, because the right partner is taken away.

    Raises:
        ValueError: `n` below 2 or `repeats` below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    values = tuple(float(metric(derangement(n, generator))) for _ in range(repeats))
    return Control(values, sum(values) / repeats, min(values), max(values))
